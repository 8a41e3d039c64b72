#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
#
# init.sh: the first process of the initramfs that tools/initramfs makes.
#
# It mounts what a shell expects, says "tane: init up" on the console and in
# the milestone register, and gives a shell with job control.
# When the shell ends, so does the machine; or when its power button is pressed, if the
# kernel has the drivers button and evdev ("tools/initramfs --kernel" puts them in). Who
# wants the button for himself ends the process whose number is in /run/power-button.
# On the kernel command line
#   tane.modules=NAME,NAME...  loads these modules and what they need first;
#                      "tools/initramfs --modules" puts them in
#   tane.run=BASE64    runs this shell script instead (base64, no line breaks)
#   tane.script=PATH   runs this file of the initramfs instead

PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH HOME=/root TERM="${TERM:-linux}"

# Whether the kernel has parameter $1; its value goes to $value. The words may
# hold any character, so they are not expanded.
parameter()
{
	set -f
	# shellcheck disable=SC2013 # words are what is wanted
	for word in $(cat /proc/cmdline); do
		case $word in
		"$1="*)
			value=${word#*=}
			set +f
			return 0
			;;
		esac
	done
	set +f
	return 1
}

# Load module $1, unless it is built in.
load()
{
	grep -q "/$1\.ko" "/lib/modules/$(uname -r)/modules.builtin" 2>/dev/null ||
		modprobe "$1" || echo "tane: init cannot load $1"
}

# Write $1 to the milestone register: in memory where a device tree says so, else a port.
# (On machines without ports /dev/port is there, and using it crashes the kernel.)
mark_milestone()
{
	node=$(echo /proc/device-tree/milestone@*)
	if [ -d "$node" ]; then
		devmem "0x${node##*@}" 8 "$1" 2>/dev/null
	elif [ -c /dev/port ]; then
		printf "%b" "\\0$(printf %o "$1")" | dd of=/dev/port bs=1 seek=232 2>/dev/null
	elif [ -x /bin/milestone ]; then
		milestone "$1"
	fi
}

# What is mounted for writing is left in order.
power_off()
{
	sync
	umount -a -r 2>/dev/null
	poweroff -f
}

# Power off when the button is pressed: an event of 24 bytes comes from its device.
listen_for_power_button()
{
	modprobe -q -a button gpio_keys evdev 2>/dev/null
	event=$(sed -n -E '/^N: Name="(Power Button|gpio-keys)"/,/^$/s/^H: .*(event[0-9]*).*/\1/p' \
		/proc/bus/input/devices 2>/dev/null | head -n 1)
	[ -c "/dev/input/$event" ] || return
	head -c 24 "/dev/input/$event" >/dev/null || return
	echo "tane: power button pressed"
	power_off
}

mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null || {
	mount -t tmpfs -o mode=755 dev /dev
	mdev -s
	[ -e /dev/console ] || mknod /dev/console c 5 1
	[ -e /dev/null ] || mknod -m 666 /dev/null c 1 3
}
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts 2>/dev/null
mount -t tmpfs -o mode=1777 tmp /tmp
mount -t tmpfs -o mode=755 run /run
ifconfig lo 127.0.0.1 up 2>/dev/null

if parameter tane.modules; then
	for module in $(echo "$value" | tr , ' '); do
		load "$module"
	done
	# A console whose driver came just now; without one this cannot be opened. One
	# of several ports is not there before driver and device have talked about it.
	tries=30
	while ! (: </dev/console >/dev/console) 2>/dev/null &&
		grep -q console=hvc /proc/cmdline && [ $tries -gt 0 ]; do
		tries=$((tries - 1))
		sleep 0.1
	done
	if (: </dev/console >/dev/console) 2>/dev/null; then
		exec </dev/console >/dev/console 2>&1
	fi
fi

echo "tane: init up"
mark_milestone 1

listen_for_power_button &
echo $! >/run/power-button

cd /root || cd /
if parameter tane.run; then
	echo "$value" | base64 -d >/run/script
	sh /run/script
elif parameter tane.script; then
	sh "$value"
else
	setsid cttyhack sh -l
fi
power_off
