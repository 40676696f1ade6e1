"""Bytes that may be held, and where the limit comes from."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpumpi.errors import UserError
from gpumpi.memory import budget as module
from gpumpi.memory.budget import Budget, fair_share_bytes

GIB = 1 << 30
SLURM = ("SLURM_MEM_PER_NODE", "SLURM_MEM_PER_CPU", "SLURM_CPUS_ON_NODE")


def test_the_limit_is_hard_and_exact():
    budget = Budget(100)
    budget.reserve(60, "a")
    budget.reserve(40, "b")
    with pytest.raises(UserError):
        budget.reserve(1, "c")
    assert budget.held_bytes == 100, "a refused request holds nothing"
    budget.release(40)
    budget.reserve(0, "nothing")
    budget.reserve(40, "d")
    assert (budget.held_bytes, budget.peak_bytes) == (100, 100)


def test_the_message_says_asked_found_and_remedy():
    budget = Budget(3 * GIB, "device memory")
    budget.reserve(GIB, "a")
    expected = (
        "a page of rows needs 4 GiB of device memory; 1 GiB of 3 GiB are held by this rank; "
        "raise --host-memory or use more ranks"
    )
    with pytest.raises(UserError) as caught:
        budget.reserve(4 * GIB, "a page of rows")
    assert str(caught.value) == expected


@settings(derandomize=True, deadline=None)
@given(st.lists(st.integers(-50, 80), max_size=80))
def test_held_and_peak_follow_every_reserve_and_release(steps):
    budget, held, peak = Budget(200), [], 0
    for step in steps:
        if step < 0 and held:
            budget.release(held.pop(-step % len(held)))
        elif step >= 0 and sum(held) + step <= 200:
            budget.reserve(step, "x")
            held.append(step)
        elif step >= 0:
            with pytest.raises(UserError):
                budget.reserve(step, "x")
        peak = max(peak, sum(held))
        assert (budget.held_bytes, budget.peak_bytes) == (sum(held), peak)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """machine("/proc/meminfo", "text"): a made-up file of the system; nothing else of the system is seen."""
    for name in SLURM:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(module, "Path", lambda path: tmp_path / str(path).lstrip("/"))

    def write(path, text):
        file = Path(tmp_path / path.lstrip("/"))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    write("/proc/meminfo", f"MemTotal: {99 * GIB} kB\nMemAvailable:   {10 * GIB // 1024} kB\nBuffers: 1 kB\n")
    return write


def group(machine, path, limit, current):
    machine(f"/sys/fs/cgroup{path}/memory.max", f"{limit}\n")
    machine(f"/sys/fs/cgroup{path}/memory.current", f"{current}\n")


@pytest.mark.parametrize("local_size", [1, 3, 64])
def test_a_rank_s_share_is_its_part_of_four_fifths_of_what_is_available(machine, local_size):
    assert fair_share_bytes(local_size) == 8 * GIB // local_size


def test_without_an_estimate_of_the_kernel_all_memory_counts(machine):
    import os

    machine("/proc/meminfo", "MemTotal: 12 kB\n")
    assert fair_share_bytes(1) == int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 0.8)


def test_the_control_group_counts_with_what_it_has_left(machine):
    machine("/proc/self/cgroup", "0::/slurm/job_7\n")
    group(machine, "/slurm/job_7", 5 * GIB, GIB)
    assert fair_share_bytes(1) == int(4 * GIB * 0.8)


def test_the_tightest_group_above_counts(machine):
    machine("/proc/self/cgroup", "12:pids:/x\n1:name=systemd:/y\n0::/a/b/c\n")
    group(machine, "/a/b/c", "max", 0)
    group(machine, "/a/b", 9 * GIB, 0)
    group(machine, "/a", 6 * GIB, 4 * GIB)
    group(machine, "", 8 * GIB, GIB)
    assert fair_share_bytes(1) == int(2 * GIB * 0.8)


def test_a_group_over_its_limit_has_nothing_left(machine):
    machine("/proc/self/cgroup", "0::/\n")
    group(machine, "", GIB, 2 * GIB)
    assert fair_share_bytes(1) == 0


@pytest.mark.parametrize("text", ["", "11:memory:/docker/abc\n", "0::/gone\n", "0::/../outside\n"])
def test_without_a_readable_group_the_kernel_s_word_counts(machine, text):
    machine("/proc/self/cgroup", text)
    assert fair_share_bytes(2) == 4 * GIB


def test_a_broken_group_file_is_passed_over(machine):
    machine("/proc/self/cgroup", "0::/a\n")
    machine("/sys/fs/cgroup/a/memory.max", "lots\n")
    group(machine, "", 5 * GIB, 0)
    assert fair_share_bytes(1) == 4 * GIB


@pytest.mark.parametrize(
    ("said", "gib"),
    [
        ({"SLURM_MEM_PER_NODE": "5120"}, 5),
        ({"SLURM_MEM_PER_CPU": "1024", "SLURM_CPUS_ON_NODE": "3"}, 3),
        ({"SLURM_MEM_PER_NODE": "5120", "SLURM_MEM_PER_CPU": "1024", "SLURM_CPUS_ON_NODE": "3"}, 5),
        ({"SLURM_MEM_PER_NODE": "0"}, 10),
        ({"SLURM_MEM_PER_CPU": "0", "SLURM_CPUS_ON_NODE": "3"}, 10),
        ({"SLURM_MEM_PER_CPU": "1024"}, 10),
        ({"SLURM_MEM_PER_NODE": "all", "SLURM_CPUS_ON_NODE": "3"}, 10),
        ({"SLURM_MEM_PER_NODE": "9999999"}, 10),
    ],
)
def test_what_slurm_granted_counts_where_it_says_so(machine, monkeypatch, said, gib):
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    assert fair_share_bytes(1) == int(gib * GIB * 0.8)


def test_of_this_machine_there_is_something_and_not_all():
    assert 0 < fair_share_bytes(1) < 2**60
