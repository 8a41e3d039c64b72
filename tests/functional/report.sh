# SPDX-License-Identifier: BSD-2-Clause
#
# report.sh: run by the init script of a test guest, tells what it sees of the
# machine. Each part begins with a line "== NAME"; test_linux_boot.py reads it.

part()
{
	echo "== $1"
}

part uname
uname -r
part nproc
nproc
part cpuinfo
cat /proc/cpuinfo
part meminfo
cat /proc/meminfo
part time
date +%s
hwclock -u -r
part sleep
cut -d' ' -f1 /proc/uptime
sleep 1
cut -d' ' -f1 /proc/uptime
part interrupts
# Every CPU does something, so that its timer has something to count.
for cpu in $(seq 0 $(($(nproc) - 1))); do
	taskset "$((1 << cpu))" sleep 0.05
done
cat /proc/interrupts
part clocksource
cat /sys/devices/system/clocksource/clocksource0/current_clocksource
part serial
cat /proc/tty/driver/serial
part dmesg
dmesg
part end
# Without ACPI a PC cannot power off.
[ -d /sys/firmware/acpi ] || [ -d /proc/device-tree ] || reboot -f
