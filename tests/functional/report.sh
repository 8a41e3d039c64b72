# SPDX-License-Identifier: BSD-2-Clause
#
# report.sh: what a guest says of itself, in sections that begin with "@name".
# Runs in the guest as /report.sh, see linux.py.

section()
{
	echo "@$1"
	shift
	"$@" 2>&1
}

section uname uname -r
section nproc nproc
section free free -k
section cpuinfo grep -E '^(processor|physical id|siblings|core id|cpu cores|apicid|initial apicid)' /proc/cpuinfo
section flags grep -m 1 -E '^flags' /proc/cpuinfo
section hypervisor cat /sys/hypervisor/type
section clocksource cat /sys/devices/system/clocksource/clocksource0/current_clocksource
section cmdline cat /proc/cmdline
section iomem cat /proc/iomem
section ioports cat /proc/ioports
section interrupts cat /proc/interrupts
section rtc cat /sys/class/rtc/rtc0/since_epoch
section serial cat /proc/tty/driver/serial
section before date +%s
sleep 2
section after date +%s
# shellcheck disable=SC2086 # two words
section dmesg dmesg
echo "@end"
