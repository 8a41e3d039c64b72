/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server for gdb: a socket, one client at a time, and what the life of the VM means to
 * it. The protocol is in stub.c, the VM as its target in target.c.
 *
 * Bytes go to the stub one by one, and the next only when its answer to the last is all
 * sent: a client that does not read gets no more work done, and what is on its way out has
 * a fixed size.
 *
 * When the client goes away, in whatever manner, breakpoints are taken out and the guest
 * runs on. Whoever speaks first and not as gdb does is turned away: a web page can make a
 * browser connect to any port of this host.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "arch/arch.h"
#include "gdb/gdb.h"
#include "gdb/private.h"

static void drop_client(struct gdb *gdb)
{
	if (gdb->client.fd < 0)
		return;
	loop_remove(gdb->vm->loop, &gdb->client);
	close(gdb->client.fd);
	gdb->client.fd = -1;
	if (gdb->stub.state != GDB_FRESH && gdb->stub.state != GDB_EXITED)
		gdb_target_release(gdb);
	gdb->stub.state = GDB_FRESH;
}

/* false: the client is gone. */
static bool flush(struct gdb *gdb)
{
	struct gdb_out *out = &gdb->stub.out;

	while (!gdb_out_is_empty(out)) {
		const ssize_t n = send(gdb->client.fd, out->data + out->sent,
				       out->size - out->sent, MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n < 0)
			return false;
		out->sent += (size_t)n;
	}
	/* Without waiting for more, if not all that came has been taken. */
	loop_modify(gdb->vm->loop, &gdb->client,
		    gdb_out_is_empty(out) && gdb->in_at == gdb->in_size ? EPOLLIN
									: EPOLLOUT);
	return true;
}

void gdb_server_flush(struct gdb *gdb)
{
	if (gdb->client.fd >= 0 && !flush(gdb))
		drop_client(gdb);
}

/* Take what the client sent. false: there is nothing, or the client is gone. */
static bool fill(struct gdb *gdb)
{
	const ssize_t n = recv(gdb->client.fd, gdb->in, sizeof(gdb->in), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	gdb->in_at = 0;
	gdb->in_size = n > 0 ? (size_t)n : 0;
	if (n <= 0) {
		drop_client(gdb);
		return false;
	}
	if (!gdb->has_spoken && !memchr("+-$\003", gdb->in[0], 4)) {
		fputs("tane: gdb: a client that is not gdb was turned away\n", stderr);
		drop_client(gdb);
		return false;
	}
	gdb->has_spoken = true;
	return true;
}

static void client_ready(void *opaque, uint32_t epoll_events)
{
	struct gdb *gdb = opaque;

	(void)epoll_events;
	if (!flush(gdb)) {
		drop_client(gdb);
		return;
	}
	if (!gdb_out_is_empty(&gdb->stub.out) ||
	    (gdb->in_at == gdb->in_size && !fill(gdb)))
		return;
	while (gdb->client.fd >= 0 && gdb->in_at < gdb->in_size &&
	       gdb_out_is_empty(&gdb->stub.out)) {
		gdb_stub_put(&gdb->stub, gdb->in[gdb->in_at++]);
		gdb_server_flush(gdb);
	}
}

/* Has the client gone, which we have not heard yet? */
static bool is_gone(const struct gdb *gdb)
{
	uint8_t byte;

	return recv(gdb->client.fd, &byte, 1, MSG_PEEK) == 0;
}

static void listener_ready(void *opaque, uint32_t epoll_events)
{
	struct gdb *gdb = opaque;
	const int yes = 1;
	struct err err;
	const int fd =
		accept4(gdb->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)epoll_events;
	if (fd < 0)
		return;
	if (gdb->client.fd >= 0 && is_gone(gdb))
		drop_client(gdb);
	if (gdb->client.fd >= 0) {
		fputs("tane: gdb: a second client was refused\n", stderr);
		close(fd);
		return;
	}
	/* Of no effect on a Unix socket. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	gdb->client = (struct loop_source){ fd, client_ready, gdb };
	gdb->has_spoken = false;
	gdb->in_at = gdb->in_size = 0;
	gdb_stub_init(&gdb->stub, &gdb_vm_ops, gdb);
	if (loop_add(gdb->vm->loop, &gdb->client, EPOLLIN, &err)) {
		fprintf(stderr, "tane: gdb: %s\n", err.text);
		close(fd);
		gdb->client.fd = -1;
	}
}

/* Is a socket of that name left over from somebody who is gone? A file is none. */
static bool is_stale(const struct sockaddr_un *address)
{
	struct stat st;
	bool stale;
	int fd;

	if (lstat(address->sun_path, &st) || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	stale = connect(fd, (const struct sockaddr *)address, sizeof(*address)) &&
		errno == ECONNREFUSED;
	close(fd);
	return stale;
}

static int bind_unix(int fd, const char *path, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		return err_set(err, "--gdb unix:%s: the path is longer than %zu bytes",
			       path, sizeof(address.sun_path) - 1);
	strcpy(address.sun_path, path);
	if (!bind(fd, (struct sockaddr *)&address, sizeof(address)))
		return 0;
	if (errno != EADDRINUSE)
		return err_errno(err, "--gdb unix:%s", path);
	if (!is_stale(&address))
		return err_set(err,
			       "--gdb unix:%s: there is a file of that name, or somebody "
			       "uses the socket (name another)",
			       path);
	if (unlink(path) || bind(fd, (struct sockaddr *)&address, sizeof(address)))
		return err_errno(err, "--gdb unix:%s", path);
	return 0;
}

static int bind_tcp(int fd, const struct addrinfo *address, const char *name,
		    struct err *err)
{
	const int yes = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) ||
	    bind(fd, address->ai_addr, address->ai_addrlen))
		return err_errno(err, "--gdb %s", name);
	return 0;
}

static int listen_unix(struct gdb *gdb, const char *path, struct err *err)
{
	gdb->listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (gdb->listener.fd < 0)
		return err_errno(err, "--gdb: socket");
	if (bind_unix(gdb->listener.fd, path, err))
		return -1;
	gdb->has_path = true;
	return 0;
}

static int listen_tcp(struct gdb *gdb, const struct config_gdb *config, struct err *err)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
					.ai_flags = AI_PASSIVE };
	struct addrinfo *addresses;
	char port[8], name[300];
	int r;

	snprintf(port, sizeof(port), "%u", config->port);
	snprintf(name, sizeof(name), "%s:%s", config->host, port);
	r = getaddrinfo(config->host, port, &hints, &addresses);
	if (r)
		return err_set(err, "--gdb %s: %s", name, gai_strerror(r));
	gdb->listener.fd = socket(addresses->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	r = gdb->listener.fd < 0 ? err_errno(err, "--gdb: socket")
				 : bind_tcp(gdb->listener.fd, addresses, name, err);
	freeaddrinfo(addresses);
	return r;
}

/* Where gdb finds us, as it wants it. */
static void print_address(const struct gdb *gdb, const char *what)
{
	const struct config_gdb *config = &gdb->vm->config->gdb;
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);
	char host[NI_MAXHOST] = "", port[NI_MAXSERV] = "";
	bool is_v6;

	if (config->path) {
		fprintf(stderr, "tane: %s: target remote %s\n", what, config->path);
		return;
	}
	if (getsockname(gdb->listener.fd, (struct sockaddr *)&address, &size) ||
	    getnameinfo((struct sockaddr *)&address, size, host, sizeof(host), port,
			sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV))
		return;
	is_v6 = address.ss_family == AF_INET6;
	fprintf(stderr, "tane: %s: target remote %s%s%s:%s\n", what, is_v6 ? "[" : "",
		host, is_v6 ? "]" : "", port);
}

static void tell_limits(const struct debug *debug)
{
	if (debug->no_insns && debug->no_code_registers)
		fputs("tane: gdb: this KVM has no breakpoints: with one the guest goes step "
		      "by step, which is slow, and interrupts are not looked into\n",
		      stderr);
	else if (debug->no_insns)
		fputs("tane: gdb: this KVM does not tell of breakpoint instructions: four "
		      "breakpoints are debug registers, and with more the guest is slow\n",
		      stderr);
	if (debug->no_data_registers)
		fputs("tane: gdb: this KVM has no watchpoints: with one (watch) the guest "
		      "goes step by step, which is slow\n",
		      stderr);
}

int gdb_create(struct vm *vm, struct err *err)
{
	const struct config_gdb *config = &vm->config->gdb;
	struct gdb *gdb = calloc(1, sizeof(*gdb));

	if (!gdb)
		return err_set(err, "no memory for the gdb server");
	gdb->vm = vm;
	gdb->listener.fd = gdb->client.fd = gdb->debug.stopped.source.fd = -1;
	gdb->is_waiting = !config->nowait;
	vm->gdb = gdb;
	if (loop_event_init(&gdb->debug.stopped, vm->loop, gdb_target_on_stopped, gdb,
			    err) ||
	    machine_debug_init(vm, &gdb->debug, err))
		return -1;
	vm->debug = &gdb->debug;
	gdb->listener.ready = listener_ready;
	gdb->listener.opaque = gdb;
	if (config->path ? listen_unix(gdb, config->path, err)
			 : listen_tcp(gdb, config, err))
		return -1;
	if (listen(gdb->listener.fd, 1))
		return err_errno(err, "--gdb: listen");
	if (loop_add(vm->loop, &gdb->listener, EPOLLIN, err))
		return -1;
	tell_limits(&gdb->debug);
	print_address(gdb, config->nowait ? "gdb" : "waiting for gdb");
	return 0;
}

void gdb_destroy(struct vm *vm)
{
	struct gdb *gdb = vm->gdb;

	if (!gdb)
		return;
	if (gdb->client.fd >= 0) {
		loop_remove(vm->loop, &gdb->client);
		close(gdb->client.fd);
	}
	if (gdb->listener.fd >= 0) {
		loop_remove(vm->loop, &gdb->listener);
		close(gdb->listener.fd);
		if (gdb->has_path)
			unlink(vm->config->gdb.path);
	}
	loop_event_destroy(&gdb->debug.stopped, vm->loop);
	vm->debug = NULL;
	vm->gdb = NULL;
	free(gdb);
}

static void tell(struct gdb *gdb, const char *text)
{
	gdb_stub_print(&gdb->stub, text, strlen(text));
}

int gdb_start(struct gdb *gdb, struct err *err)
{
	const struct debug_stop stop = { 0 };
	struct vm *vm = gdb->vm;

	gdb_target_forget(gdb);
	/* gdb stopped it in the moment of the reset, and goes on looking at it. */
	if (gdb->stub.state == GDB_STOPPED)
		return gdb_target_stop(gdb, err);
	if (gdb->stub.state == GDB_RUNNING) {
		tell(gdb, "tane: the guest was reset\n");
		if (gdb_target_stop(gdb, err))
			return -1;
		gdb_stub_stopped(&gdb->stub, GDB_SIGNAL_PWR, 0, &stop);
		gdb_server_flush(gdb);
		return 0;
	}
	gdb->is_stopped = gdb->is_waiting;
	if (gdb->is_waiting)
		return 0;
	if (vcpus_call(vm, vcpu_arch_debug_apply, DEBUG_CALL_TIMEOUT_MS, err))
		return -1;
	vcpus_resume(vm);
	return 0;
}

bool gdb_hold_dead(struct gdb *gdb)
{
	const struct debug_stop stop = { 0 };
	char text[sizeof(gdb->vm->outcome.message) + 32];
	struct err err;

	if (gdb->was_examined || gdb->stub.state != GDB_RUNNING ||
	    gdb_target_stop(gdb, &err))
		return false;
	snprintf(text, sizeof(text), "tane: the guest died: %s\n",
		 gdb->vm->outcome.message);
	tell(gdb, text);
	gdb->is_dead = true;
	gdb_stub_stopped(&gdb->stub, GDB_SIGNAL_SEGV, gdb->vm->outcome.value, &stop);
	gdb_server_flush(gdb);
	return true;
}

/* As tane's own exit status, if it is all the guest's doing. */
void gdb_ended(struct gdb *gdb)
{
	const struct vm_outcome *outcome = &gdb->vm->outcome;
	int status = 0, signal = 0;

	if (gdb->client.fd < 0)
		return;
	if (outcome->end == VM_DEBUG_EXIT)
		status = (int)((outcome->value << 1 | 1) & 0xff);
	else if (outcome->end == VM_DIED)
		signal = GDB_SIGNAL_SEGV;
	else if (outcome->end == VM_FAILED)
		status = 1;
	else if (outcome->end == VM_KILLED)
		signal = outcome->value ? (int)outcome->value : 9;
	gdb_stub_exited(&gdb->stub, status, signal);
	(void)flush(gdb); /* as much as the socket takes; we do not wait for gdb */
}
