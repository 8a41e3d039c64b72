#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
#
# dhcp.sh: busybox's udhcpc calls it with what a DHCP server said; it gives the
# interface its address, the default route and the name servers.

# shellcheck disable=SC2154 # udhcpc sets them: see udhcpc --help

case $1 in
deconfig)
	ip link set "$interface" up
	ip -4 address flush dev "$interface"
	;;
bound | renew)
	ip -4 address flush dev "$interface"
	ip address add "$ip/${mask:-24}" dev "$interface"
	[ -z "$mtu" ] || ip link set "$interface" mtu "$mtu"
	for gateway in $router; do
		ip route replace default via "$gateway" dev "$interface"
		break
	done
	: >/etc/resolv.conf
	[ -z "$domain" ] || echo "search $domain" >>/etc/resolv.conf
	for server in $dns; do
		echo "nameserver $server" >>/etc/resolv.conf
	done
	;;
esac
