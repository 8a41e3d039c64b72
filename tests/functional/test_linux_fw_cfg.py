# SPDX-License-Identifier: BSD-2-Clause
"""Linux, booted by firmware and our option ROM, finds in memory what fw_cfg gave firmware:
ACPI tables, SMBIOS, the command line, the initrds; and fw_cfg itself by its own driver."""
import base64
import re

import pytest

import linux

SCRIPT = r"""
for name in sys_vendor product_name product_version bios_vendor chassis_vendor; do
    echo "dmi $name=$(cat /sys/class/dmi/id/$name)"
done
cd /sys/firmware/acpi/tables
for table in APIC FACP MCFG DSDT FACS; do echo "acpi $table=$(base64 $table | tr -d '\n')"; done
for device in /sys/bus/acpi/devices/*; do echo "device $(cat $device/hid 2>/dev/null)"; done
cd /sys/firmware/qemu_fw_cfg/by_name
for file in etc/acpi/tables bootorder etc/e820 etc/table-loader; do
    echo "file $file=$(base64 $file/raw | tr -d '\n')"
done
echo "id=$(cat ../rev)"
dmesg | grep -i -e 'ACPI.*error' -e 'ACPI.*warning' -e 'BIOS bug' -e 'incorrect checksum' |
    sed 's/^/complaint /'
echo "cmdline=$(cat /proc/cmdline)"
"""


@pytest.fixture(scope="module")
def text():
    machine = linux.run(SCRIPT, "--bios", "-c", "2", kind="generic", load="qemu_fw_cfg",
                        params="some_word=1", seconds=300)
    assert machine.status == 0
    return machine.text()


def files(text, kind):
    return {name: base64.b64decode(data) for name, data in
            re.findall(rf"^{kind} (\S+?)=(\S*)$", text, re.M)}


def test_smbios(text):
    assert "dmi sys_vendor=tane\n" in text
    assert "dmi product_name=tane\n" in text
    assert re.search(r"^dmi product_version=\d", text, re.M)
    assert "dmi bios_vendor=SeaBIOS\n" in text  # its own structure
    assert "dmi chassis_vendor=tane\n" in text


def test_acpi(text):
    """The tables are whole, and there are no complaints about them."""
    tables = files(text, "acpi")
    blob = files(text, "file")["etc/acpi/tables"]
    assert set(tables) == {"APIC", "FACP", "MCFG", "DSDT", "FACS"}
    for name, table in tables.items():
        assert table[:4] == name.encode()
        if name != "FACS":
            assert sum(table) % 256 == 0
    # Those without addresses in them are as they were given, but for the checksum.
    for name in ("APIC", "MCFG", "DSDT"):
        table = bytearray(tables[name])
        table[9] = 0
        assert bytes(table) in blob
    assert "device QEMU0002\n" in text and "device PNP0303\n" in text
    assert re.findall("^complaint .*", text, re.M) == []


def test_driver_of_fw_cfg(text):
    """It moves files by DMA."""
    given = files(text, "file")
    assert "id=3\n" in text
    assert given["bootorder"].startswith(b"/rom@genroms/kernel.bin")
    assert len(given["etc/e820"]) == 3 * 20
    assert given["etc/table-loader"] and len(given["etc/table-loader"]) % 128 == 0


def test_command_line(text):
    assert re.search(r"^cmdline=console=ttyS0 .*some_word=1", text, re.M)
