from gpumpi.formats.hdf5_names import absolute, ancestors, joined, last_part, parent, split_name


def test_name_is_split_at_the_last_separator():
    assert split_name("snapshot.h5") == ("snapshot.h5", None)
    assert split_name("snapshot.h5:/PartType1") == ("snapshot.h5", "/PartType1")
    assert split_name("dir/snapshot.h5:/a/b/") == ("dir/snapshot.h5", "/a/b")
    assert split_name("out.h5:/") == ("out.h5", "/")
    assert split_name("a:/b.h5:/g") == ("a:/b.h5", "/g")
    assert split_name("a:b") == ("a:b", None)


def test_a_file_that_is_there_decides(tmp_path):
    odd = tmp_path / "run:"
    odd.mkdir()
    (odd / "f.h5").touch()
    assert split_name(f"{odd}/f.h5") == (f"{odd}/f.h5", None)
    assert split_name(f"{odd}/f.h5:/g:/h") == (f"{odd}/f.h5", "/g:/h")


def test_names_inside_a_file():
    assert absolute("a//b/./c/") == "/a/b/c"
    assert absolute("/") == absolute("") == "/"
    assert joined("/", "x") == "/x"
    assert joined("/g", "x") == "/g/x"
    assert (parent("/g/x"), parent("/x")) == ("/g", "/")
    assert last_part("/g/x") == "x"
    assert ancestors("/a/b/c") == ("/a", "/a/b")
    assert ancestors("/a") == ancestors("/") == ()
