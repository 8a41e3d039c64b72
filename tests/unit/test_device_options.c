/* SPDX-License-Identifier: BSD-2-Clause */
/* The options that add devices: what they mean, and what they say when they are wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "arch/arch.h"
#include "cmd/options.h"
#include "core/config.h"

static struct vm_config config;
static struct err err;
static char words[64][512];

/* Parse "run -k x" and the words of `line`, separated by single spaces. */
static enum options_result parse(const char *line)
{
	char *argv[65];
	int argc = 0;
	char text[4096];

	snprintf(text, sizeof(text), "run -k x %s", line);
	for (char *at = text; *at;) {
		size_t n = strcspn(at, " ");

		assert_true(argc < 64 && n < sizeof(words[0]));
		memcpy(words[argc], at, n);
		words[argc][n] = '\0';
		argv[argc] = words[argc];
		argc++;
		at += n + (at[n] == ' ');
	}
	argv[argc] = NULL;
	err.text[0] = '\0';
	return options_parse(argc, argv, &config, &err);
}

static void assert_taken(const char *line)
{
	if (parse(line) != OPTIONS_RUN)
		fail_msg("%s: %s", line, err.text);
}

static void assert_says(const char *line, const char *says)
{
	assert_int_equal(parse(line), OPTIONS_ERROR);
	if (!strstr(err.text, says))
		fail_msg("%s: \"%s\" does not say \"%s\"", line, err.text, says);
}

static void test_defaults(void **state)
{
	(void)state;
	assert_taken("");
	assert_int_equal(
		config.nr_disks + config.nr_nets + config.nr_ports + config.nr_shares, 0);
	assert_false(config.rng || config.balloon || config.vsock_cid || config.packed);
	assert_int_equal(config.virtio, VIRTIO_PCI);
	assert_true(config.io_threads == CONFIG_AUTO_IO_THREADS);
}

static void test_disk(void **state)
{
	const struct config_disk *disk = config.disks;

	(void)state;
	assert_taken("-d a.img --disk b,,1.img,ro,direct,id=me,block-size=4096,queues=3,"
		     "aio=threads,format=raw");
	assert_int_equal(config.nr_disks, 2);
	assert_string_equal(disk[0].path, "a.img");
	assert_false(disk[0].read_only || disk[0].direct || disk[0].format_raw);
	assert_null(disk[0].id);
	assert_int_equal(disk[0].block_size, 0);
	assert_int_equal(disk[0].queues, 0);
	assert_int_equal(disk[0].engine, BLOCK_ENGINE_AUTO);
	assert_string_equal(disk[1].path, "b,1.img");
	assert_true(disk[1].read_only && disk[1].direct && disk[1].format_raw);
	assert_string_equal(disk[1].id, "me");
	assert_int_equal(disk[1].block_size, 4096);
	assert_int_equal(disk[1].queues, 3);
	assert_int_equal(disk[1].engine, BLOCK_ENGINE_THREADS);
	assert_taken("-d a=b,aio=io_uring");
	assert_string_equal(disk[0].path, "a=b");
	assert_int_equal(disk[0].engine, BLOCK_ENGINE_IO_URING);
}

static void test_ide(void **state)
{
	const struct config_disk *disk = config.disks;

	(void)state;
	if (strcmp(arch_name, "x86_64") != 0) {
		assert_says("-d a,if=ide", "are for PCs");
		assert_says("--cdrom a", "are for PCs");
		return;
	}
	assert_taken("-d a -d b,if=ide,ro --cdrom c,d.iso --cdrom e -d f,if=virtio");
	assert_int_equal(config.nr_disks, 5);
	assert_int_equal(disk[0].interface, DISK_VIRTIO);
	assert_int_equal(disk[1].interface, DISK_IDE);
	assert_true(disk[1].read_only && !disk[1].cdrom);
	assert_int_equal(disk[2].interface, DISK_IDE);
	assert_true(disk[2].cdrom && disk[2].read_only);
	assert_string_equal(disk[2].path, "c,d.iso");
	assert_int_equal(disk[4].interface, DISK_VIRTIO);
	assert_int_equal(config_count_disks(&config, DISK_IDE), 3);

	assert_says("-d a,if=scsi", "--disk: if: \"scsi\" is not virtio or ide");
	assert_says("-d a,if=ide -d b,if=ide -d c,if=ide --cdrom d --cdrom e",
		    "more than 4 IDE drives");
	assert_says("-d a,if=ide,block-size=4096", "an IDE disk has blocks of 512 bytes");
	assert_says("-d a,if=ide,queues=2", "queues= belongs to if=virtio");
}

static void test_wrong_disks(void **state)
{
	(void)state;
	assert_says("-d ,ro", "--disk");
	assert_says("-d a,rw", "\"rw\" is none of its keys: ro, direct, id");
	assert_says("-d a,id=", "--disk: id: it needs a value");
	assert_says("-d a,id=123456789012345678901", "at most 20 bytes");
	assert_says("-d a,block-size=1000", "512, 1024, 2048 and 4096");
	assert_says("-d a,block-size=256", "not between 512 and 4096");
	assert_says("-d a,queues=0", "not between 1 and");
	assert_says("-d a,format=qcow2", "--disk: format: \"qcow2\" is not raw");
	assert_says("-d a,aio=native", "\"native\" is not auto, io_uring or threads");
	assert_says(
		"-d 1 -d 2 -d 3 -d 4 -d 5 -d 6 -d 7 -d 8 -d 9 -d 10 -d 11 -d 12 -d 13 "
		"-d 14 -d 15 -d 16 -d 17",
		"--disk: more than 16");
}

static void test_floppies(void **state)
{
	(void)state;
	if (strcmp(arch_name, "x86_64") != 0) {
		assert_says("--floppy a", "--floppy: only PCs have floppy drives");
		return;
	}
	assert_taken("--floppy a.img --floppy b,,1.img,ro");
	assert_int_equal(config.nr_floppies, 2);
	assert_string_equal(config.floppies[0].path, "a.img");
	assert_false(config.floppies[0].read_only);
	assert_string_equal(config.floppies[1].path, "b,1.img");
	assert_true(config.floppies[1].read_only);
	assert_false(config.firmware); /* there is a kernel */
	assert_says("--floppy a --floppy b --floppy c", "--floppy: more than 2");
	assert_says("--floppy a,direct", "--floppy: \"direct\"");
	assert_says("--floppy ,ro", "--floppy: ");
}

static void test_user_net(void **state)
{
	const struct config_net *net = config.nets;

	(void)state;
	assert_taken("-n user");
	assert_int_equal(config.nr_nets, 1);
	assert_int_equal(net->kind, NET_USER);
	assert_false(net->loopback || net->no_ipv6 || net->has_mac);
	assert_int_equal(net->nr_forwards, 0);
	assert_int_equal(net->prefix, 0);

	assert_taken("--net user,net=192.168.7.0/25,loopback=on,ipv6=off,hostname=seed,"
		     "mac=52:54:00:aB:cd:ef,mtu=9000");
	assert_int_equal(net->network, inet_addr("192.168.7.0"));
	assert_int_equal(net->prefix, 25);
	assert_true(net->loopback && net->no_ipv6 && net->has_mac);
	assert_string_equal(net->hostname, "seed");
	assert_memory_equal(net->mac, "\x52\x54\x00\xab\xcd\xef", 6);
	assert_int_equal(net->mtu, 9000);

	assert_null(net->tftp || net->bootfile ? net : NULL);
	assert_taken("--net user,tftp=a,,folder,bootfile=pxe/grub.0");
	assert_string_equal(net->tftp, "a,folder");
	assert_string_equal(net->bootfile, "pxe/grub.0");
}

static void test_forwards(void **state)
{
	const struct config_forward *forward = config.nets[0].forwards;

	(void)state;
	assert_taken(
		"-n user,hostfwd=tcp::8080-:80,hostfwd=udp:0.0.0.0:53-10.0.2.9:5353");
	assert_int_equal(config.nets[0].nr_forwards, 2);
	assert_false(forward[0].udp);
	/* On the loopback of the host unless the user says otherwise. */
	assert_int_equal(forward[0].host_address, inet_addr("127.0.0.1"));
	assert_int_equal(forward[0].host_port, 8080);
	assert_int_equal(forward[0].guest_address, 0);
	assert_int_equal(forward[0].guest_port, 80);
	assert_true(forward[1].udp);
	assert_int_equal(forward[1].host_address, 0);
	assert_int_equal(forward[1].host_port, 53);
	assert_int_equal(forward[1].guest_address, inet_addr("10.0.2.9"));
	assert_int_equal(forward[1].guest_port, 5353);
}

static void test_wrong_forwards(void **state)
{
	(void)state;
	assert_says("-n user,hostfwd=", "hostfwd: it needs a value");
	assert_says("-n user,hostfwd=sctp::1-:2", "neither with tcp: nor with udp:");
	assert_says("-n user,hostfwd=tcp", "neither with tcp: nor with udp:");
	assert_says("-n user,hostfwd=tcp:", "is not PROTOCOL:");
	assert_says("-n user,hostfwd=tcp::80", "is not PROTOCOL:");
	assert_says("-n user,hostfwd=tcp::80-80", "is not [ADDRESS]:PORT");
	assert_says("-n user,hostfwd=tcp:80-:80", "is not [ADDRESS]:PORT");
	assert_says("-n user,hostfwd=tcp::-:80", "is not a port");
	assert_says("-n user,hostfwd=tcp::0-:80", "is not a port");
	assert_says("-n user,hostfwd=tcp::65536-:80", "\"65536\" is not a port");
	assert_says("-n user,hostfwd=tcp::80-:99999999999999", "is not a port");
	assert_says("-n user,hostfwd=tcp:1.2.3:80-:80", "\"1.2.3\" is not an IPv4");
	assert_says("-n user,hostfwd=tcp::80-10.0.2.256:80", "is not an IPv4 address");
	assert_says("-n user,hostfwd=tcp:1.2.3.4.5.6.7.8.9.10.11.12:80-:80",
		    "not an IPv4");
	assert_says(
		"-n user,hostfwd=tcp::1-:1,hostfwd=tcp::2-:1,hostfwd=tcp::3-:1,"
		"hostfwd=tcp::4-:1,hostfwd=tcp::5-:1,hostfwd=tcp::6-:1,hostfwd=tcp::7-:1,"
		"hostfwd=tcp::8-:1,hostfwd=tcp::9-:1,hostfwd=tcp::10-:1,"
		"hostfwd=tcp::11-:1,hostfwd=tcp::12-:1,hostfwd=tcp::13-:1,"
		"hostfwd=tcp::14-:1,hostfwd=tcp::15-:1,hostfwd=tcp::16-:1,"
		"hostfwd=tcp::17-:1",
		"hostfwd: more than 16");
	assert_says("-n user,hostfwd=tcp::80-10.0.3.15:80",
		    "hostfwd=: 10.0.3.15 is outside the guest's network");
	assert_says("-n user,net=192.168.7.0/24,hostfwd=tcp::80-10.0.2.15:80",
		    "hostfwd=: 10.0.2.15 is outside the guest's network");
	assert_taken("-n user,net=192.168.7.0/24,hostfwd=tcp::80-192.168.7.20:80");
	assert_says("-n user,hostfwd=tcp::80-10.0.2.2:80", "no address of the guest");
	assert_says("-n user,hostfwd=tcp::80-10.0.2.3:80", "no address of the guest");
	assert_says("-n user,hostfwd=tcp::80-10.0.2.0:80", "no address of the guest");
	assert_says("-n user,hostfwd=tcp::80-10.0.2.255:80", "no address of the guest");
}

/* A port of the host leads to one place; for UDP the host would not say so. */
static void test_forwards_of_one_port(void **state)
{
	(void)state;
	assert_says("-n user,hostfwd=udp::53-:53,hostfwd=udp::53-:54",
		    "two hostfwd= have udp port 53");
	assert_says("-n user,hostfwd=tcp:0.0.0.0:80-:80,hostfwd=tcp::80-:81",
		    "two hostfwd= have tcp port 80");
	assert_says("-n user,hostfwd=udp::53-:53 -n user,hostfwd=udp::53-:53",
		    "two hostfwd= have udp port 53");
	assert_taken("-n user,hostfwd=udp::53-:53,hostfwd=tcp::53-:53,"
		     "hostfwd=udp:127.0.0.2:53-:53 -n user,hostfwd=tcp::54-:53");
}

static void test_tap(void **state)
{
	const struct config_net *net = config.nets;

	(void)state;
	assert_taken("-n tap -n tap,ifname=tap7,queues=4,vhost=on -n tap,fd=5");
	assert_int_equal(config.nr_nets, 3);
	assert_int_equal(net[0].kind, NET_TAP);
	assert_null(net[0].ifname);
	assert_int_equal(net[0].fd, -1);
	assert_false(net[0].vhost);
	assert_string_equal(net[1].ifname, "tap7");
	assert_int_equal(net[1].queues, 4);
	assert_true(net[1].vhost);
	assert_int_equal(net[1].fd, -1);
	assert_int_equal(net[2].fd, 5);
}

static void test_wrong_nets(void **state)
{
	(void)state;
	assert_says("-n bridge", "\"bridge\" is not none, user or tap");
	assert_says("-n taps,fd=4", "\"taps\" is not none");
	assert_says("-n user,tftp=", "--net user: tftp");
	assert_says("-n user,bootfile", "--net user: bootfile");
	assert_says("-n tap,tftp=x", "--net tap: \"tftp\" is none of its keys");
	assert_says("-n user,ifname=x", "--net user: \"ifname\" is none of its keys");
	assert_says("-n tap,hostfwd=tcp::1-:2", "--net tap: \"hostfwd\" is none");
	assert_says("-n tap,ifname=a,fd=4", "exclude each other");
	assert_says("-n tap,fd=4,queues=2", "fd= is one queue");
	assert_says("-n tap,fd=2", "not between 3 and");
	assert_says("-n user,mac=52:54:00:12:34", "is not a MAC address");
	assert_says("-n user,mac=52:54:00:12:34:567", "is not a MAC address");
	assert_says("-n user,mac=52-54-00-12-34-56", "is not a MAC address");
	assert_says("-n user,mac=01:00:5e:00:00:01", "not the address of one card");
	assert_says("-n user,mac=00:00:00:00:00:00", "not the address of one card");
	assert_says("-n user,mtu=67", "not between 68 and 65521");
	assert_says("-n user,net=10.0.2.0", "is not a network");
	assert_says("-n user,net=10.0.2/24", "is not an IPv4 address");
	assert_says("-n user,net=10.0.2.0/x", "is not a number");
	assert_says("-n user,net=10.0.2.0/28",
		    "\"10.0.2.0/28\": 28 is not between 8 and 27");
	assert_says("-n user,net=10.0.2.0/7", "7 is not between 8 and 27");
	assert_says("-n user,net=10.0.2.0/32", "32 is not between 8 and 27");
	assert_says("-n user,net=10.0.2.1/24", "bits behind the first 24");
	assert_says("-n user,net=0.0.0.0/8", "0.0.0.0/8 is no network for hosts");
	assert_says("-n user,net=0.1.0.0/16", "0.0.0.0/8 is no network for hosts");
	assert_says("-n user,net=127.0.0.0/8", "127.0.0.0/8 is no network for hosts");
	assert_says("-n user,net=224.0.0.0/24", "224.0.0.0/8 is no network for hosts");
	assert_says("-n user,net=10.0.2.0/24,net=10.0.3.0/24", "net: given twice");
	assert_says("-n tap,mac=02:00:00:00:00:01,mac=02:00:00:00:00:02",
		    "mac: given twice");
	assert_says("-n tap,mac=02:00:00:00:00:01 -n user,mac=02:00:00:00:00:01",
		    "two cards have mac=02:00:00:00:00:01");
	assert_says("-n user,loopback=maybe", "neither on nor off");
}

static void test_no_net(void **state)
{
	(void)state;
	assert_taken("-n none");
	assert_int_equal(config.nr_nets, 0);
}

static void test_shares(void **state)
{
	const struct config_share *share = config.shares;

	(void)state;
	assert_taken("-s a -s b,,c,tag=/dev/root,rw,uid=map,cache=loose,at=/mnt/..x "
		     "--share d,at=/,rw=off,cache=none");
	assert_int_equal(config.nr_shares, 3);
	assert_string_equal(share[0].path, "a");
	assert_string_equal(share[0].tag, "share0");
	assert_false(share[0].writable || share[0].map_ids);
	assert_null(share[0].cache);
	assert_null(share[0].at);
	assert_string_equal(share[1].path, "b,c");
	assert_string_equal(share[1].tag, "/dev/root");
	assert_true(share[1].writable && share[1].map_ids);
	assert_string_equal(share[1].cache, "loose");
	assert_string_equal(share[1].at, "/mnt/..x");
	assert_string_equal(share[2].tag, "share2");
	assert_false(share[2].writable);
	assert_string_equal(share[2].cache, "none");
}

static void test_share_to_be_read(void **state)
{
	(void)state;
	assert_taken("-s a,ro");
	assert_false(config.shares[0].writable);
	assert_says("-s a,ro,rw", "--share: it is ro (as it is by itself) or rw");
}

static void test_wrong_shares(void **state)
{
	char many[CONFIG_MAX_SHARES * 5 + 8] = "", tag[CONFIG_MAX_TAG + 16];

	(void)state;
	assert_says("-s ,rw", "--share: \"\": something is missing in front");
	assert_says("-s a,tag=", "--share: tag: it needs a value");
	assert_says("-s a,tag=b,,c", "tag=b,c: 1 to 64 letters, digits and signs");
	assert_says("-s a,tag=\x7f", "1 to 64 letters, digits and signs");
	assert_says("-s a,uid=0", "--share: uid: \"0\" is not map");
	assert_says("-s a,cache=fast",
		    "--share: cache: \"fast\" is not none, readahead, mmap or loose");
	assert_says("-s a,at=mnt", "--share \"a\": at=mnt: not a path of the guest");
	assert_says("-s a,at=/mnt/..", "at=/mnt/..: not a path of the guest");
	assert_says("-s a,at=/../mnt", "at=/../mnt: not a path of the guest");
	assert_says("-s a,wr",
		    "\"wr\" is none of its keys: tag, ro, rw, uid, cache or at");
	assert_says("-s a -s b,tag=share0", "--share: two have the tag \"share0\"");
	snprintf(tag, sizeof(tag), "-s a,tag=%0*d", CONFIG_MAX_TAG, 0);
	assert_taken(tag);
	snprintf(tag, sizeof(tag), "-s a,tag=%0*d", CONFIG_MAX_TAG + 1, 0);
	assert_says(tag, "1 to 64 letters");
	for (unsigned i = 0; i < CONFIG_MAX_SHARES; i++)
		strcat(many, "-s a ");
	assert_taken(many);
	assert_string_equal(config.shares[CONFIG_MAX_SHARES - 1].tag, "share15");
	strcat(many, "-s a");
	assert_says(many, "--share: more than 16");
}

static void test_virtio_console(void **state)
{
	(void)state;
	assert_taken("--console virtio");
	assert_int_equal(config.nr_ports, 1);
	assert_true(config.ports[0].is_console);
	assert_int_equal(config.ports[0].kind, SERIAL_CONSOLE);
	assert_int_equal(config.serials[0].kind, SERIAL_ABSENT);
	/* The last word counts. */
	assert_taken("--console virtio --console serial");
	assert_int_equal(config.nr_ports, 0);
	assert_int_equal(config.serials[0].kind, SERIAL_CONSOLE);
	assert_taken("--console virtio --console none");
	assert_int_equal(config.nr_ports, 0);
	assert_int_equal(config.serials[0].kind, SERIAL_ABSENT);
	/* COM1 may have another end beside it. */
	assert_taken("--serial 1=null --console virtio");
	assert_int_equal(config.serials[0].kind, SERIAL_NULL);
	assert_says("--console virtio --serial 2=console", "hvc0 is the console already");
}

static void test_ports(void **state)
{
	const struct config_port *port = config.ports;

	(void)state;
	assert_taken("--port a=null --port b=pty --port c=file:x.log");
	assert_int_equal(config.nr_ports, 4);
	assert_true(port[0].is_console);
	assert_int_equal(port[0].kind, SERIAL_NULL);
	assert_false(port[1].is_console);
	assert_string_equal(port[1].name, "a");
	assert_int_equal(port[1].kind, SERIAL_NULL);
	assert_int_equal(port[2].kind, SERIAL_PTY);
	assert_int_equal(port[3].kind, SERIAL_FILE);
	assert_string_equal(port[3].path, "x.log");
	/* The console may come before or after them. */
	assert_taken("--port a=null --console virtio");
	assert_int_equal(config.nr_ports, 2);
	assert_int_equal(port[0].kind, SERIAL_CONSOLE);
	assert_taken("--console virtio --port a=null");
	assert_int_equal(config.nr_ports, 2);
	assert_int_equal(port[0].kind, SERIAL_CONSOLE);
	assert_taken("--console virtio --port a=null --console serial");
	assert_int_equal(config.nr_ports, 2);
	assert_int_equal(port[0].kind, SERIAL_NULL);
}

static void test_wrong_ports(void **state)
{
	(void)state;
	assert_says("--port a", "is not NAME=WHAT");
	assert_says("--port =null", "is not NAME=WHAT");
	assert_says("--port a=", "is not NAME=WHAT");
	assert_says("--port a=null --port a=pty", "two ports named \"a\"");
	assert_says(
		"--port 1=null --port 2=null --port 3=null --port 4=null --port 5=null "
		"--port 6=null --port 7=null --port 8=null --port 9=null --port 10=null "
		"--port 11=null --port 12=null --port 13=null --port 14=null "
		"--port 15=null --port 16=null",
		"--port: more than 15");
}

static void test_others(void **state)
{
	(void)state;
	assert_taken("--rng --balloon 64M,deflate-on-oom=off --vsock 3 "
		     "--virtio mmio,ring=packed --io-threads 0");
	assert_true(config.rng && config.balloon && config.balloon_keep_on_oom);
	assert_true(config.balloon_size == 64 << 20);
	assert_int_equal(config.vsock_cid, 3);
	assert_int_equal(config.virtio, VIRTIO_MMIO);
	assert_true(config.packed);
	assert_int_equal(config.io_threads, 0);
	assert_taken("--balloon 0 --virtio pci,ring=split --io-threads 16");
	assert_true(config.balloon && !config.balloon_keep_on_oom && !config.packed);
	assert_true(config.balloon_size == 0);
	assert_int_equal(config.io_threads, 16);
}

static void test_others_wrong(void **state)
{
	(void)state;
	assert_says("--balloon 1Z", "--balloon");
	assert_says("--balloon 512", "--mem");
	assert_says("--hugepages --balloon 0", "--hugepages are not given back");
	assert_says("--balloon 1,oom=off", "is none of its keys: deflate-on-oom");
	assert_says("--vsock 2", "--vsock: 2 is not between 3 and 4294967294");
	assert_says("--vsock 4294967295", "not between");
	assert_says("--virtio ccw", "\"ccw\" is neither pci nor mmio");
	assert_says("--virtio pci,ring=round", "\"round\" is not split or packed");
	assert_says("--io-threads 17", "--io-threads: 17 is not between 0 and 16");
}

/* Other ways in than the command line do not look at ranges. */
static void test_checks_of_the_configuration(void **state)
{
	static const struct {
		struct config_net net;
		const char *says;
	} cases[] = {
		{ { .prefix = 28 }, "/28: /8 to /27 are possible" },
		{ { .prefix = 7 }, "/7: /8 to /27 are possible" },
		{ { .prefix = 8 }, "no network for hosts" },
		{ { .mtu = 67 }, "mtu=67" },
		{ { .mtu = 65522 }, "mtu=65522" },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		config_init(&config);
		config.kernel = "x";
		config.nr_nets = 1;
		config.nets[0] = cases[i].net;
		assert_int_equal(config_validate(&config, &err), -1);
		assert_non_null(strstr(err.text, cases[i].says));
	}
}

static void test_rom_has_no_devices(void **state)
{
	static const char *const devices[] = { "-d",        "--rng",  "--balloon=1M",
					       "--vsock=3", "-nuser", "-s." };

	(void)state;
	for (unsigned i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		char first[32] = "--rom", second[] = "r", third[32], fourth[] = "d";
		char *argv[] = { first, first, second, third, i ? NULL : fourth, NULL };

		snprintf(third, sizeof(third), "%s", devices[i]);
		assert_int_equal(options_parse(i ? 4 : 5, argv, &config, &err),
				 OPTIONS_ERROR);
		assert_non_null(strstr(err.text, "a ROM has no devices"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_disk),
		cmocka_unit_test(test_ide),
		cmocka_unit_test(test_wrong_disks),
		cmocka_unit_test(test_floppies),
		cmocka_unit_test(test_user_net),
		cmocka_unit_test(test_forwards),
		cmocka_unit_test(test_wrong_forwards),
		cmocka_unit_test(test_forwards_of_one_port),
		cmocka_unit_test(test_tap),
		cmocka_unit_test(test_wrong_nets),
		cmocka_unit_test(test_no_net),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_share_to_be_read),
		cmocka_unit_test(test_wrong_shares),
		cmocka_unit_test(test_virtio_console),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_wrong_ports),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_others_wrong),
		cmocka_unit_test(test_checks_of_the_configuration),
		cmocka_unit_test(test_rom_has_no_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
