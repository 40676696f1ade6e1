import pytest
from contract.device_contract import DeviceContract

from gpumpi.device.host import HostDevice


class TestHostDevice(DeviceContract):
    @pytest.fixture
    def device(self):
        return HostDevice()
