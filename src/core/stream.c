/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stream.
 *
 * There is no buffer: whoever has bytes, or room for some, tries to move them, and if the
 * other side is not ready it is told when that changes. So a slow reader slows the
 * guest, a guest that does not read leaves the bytes in the pipe where they are, and each
 * byte is copied once, by the kernel.
 *
 * The descriptor is watched for one event at a time (EPOLLONESHOT), and only while
 * somebody waits: errors and hang-ups, which epoll reports unasked, cannot spin.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/stream.h"
#include "util/fd.h"

/* As many segments as a guest's request may have; one call takes no more than this. */
#define MAX_SEGMENTS 256u

static void on_ready(void *opaque, uint32_t epoll_events)
{
	const struct stream *stream = opaque;

	(void)epoll_events;
	stream->ready(stream->opaque);
}

static void on_turn(void *opaque)
{
	const struct stream *stream = opaque;

	stream->ready(stream->opaque);
}

static enum stream_kind kind_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode))
		return STREAM_SOCKET;
	if (S_ISREG(st.st_mode) || (fcntl(fd, F_GETFL) & O_NONBLOCK))
		return STREAM_PLAIN;
	return STREAM_BLOCKING;
}

int stream_init(struct stream *stream, struct loop *loop, int fd,
		enum stream_direction direction, void (*ready)(void *opaque),
		void *opaque, struct err *err)
{
	*stream = (struct stream){
		.loop = loop,
		.direction = direction,
		.source = { .fd = -1, .ready = on_ready, .opaque = stream },
		.turn.source.fd = -1,
		.ready = ready,
		.opaque = opaque,
	};
	stream->source.fd = fd_reopen_nonblocking(
		fd, direction == STREAM_IN ? O_RDONLY : O_WRONLY, err);
	if (stream->source.fd < 0)
		return -1;
	stream->kind = kind_of(stream->source.fd);
	return loop_event_init(&stream->turn, loop, on_turn, stream, err);
}

void stream_destroy(struct stream *stream)
{
	if (stream->added)
		loop_remove(stream->loop, &stream->source);
	if (stream->source.fd >= 0)
		close(stream->source.fd);
	loop_event_destroy(&stream->turn, stream->loop);
}

/* Call ready() once the descriptor is. */
static void wait_for_it(struct stream *stream)
{
	const uint32_t events =
		EPOLLONESHOT | (stream->direction == STREAM_IN ? EPOLLIN : EPOLLOUT);
	struct err ignored;

	if (stream->added)
		loop_modify(stream->loop, &stream->source, events);
	else if (!loop_add(stream->loop, &stream->source, events, &ignored))
		stream->added = true;
	else /* epoll does not watch what is always ready */
		loop_event_signal(&stream->turn);
}

/* Cut the segments to `most` bytes. How many remain. */
static unsigned cut(const struct iovec *iov, unsigned nr, struct iovec *to, size_t most)
{
	unsigned n = 0;

	while (n < nr && n < MAX_SEGMENTS && most) {
		to[n] = iov[n];
		if (to[n].iov_len > most)
			to[n].iov_len = most;
		most -= to[n].iov_len;
		n++;
	}
	return n;
}

/* readv(2) or writev(2) that gives EAGAIN instead of waiting. */
static ssize_t try_move(const struct stream *stream, const struct iovec *iov, unsigned nr)
{
	const bool in = stream->direction == STREAM_IN;
	const int fd = stream->source.fd;
	struct pollfd pollfd = { .fd = fd, .events = in ? POLLIN : POLLOUT };
	struct iovec part[MAX_SEGMENTS];
	struct msghdr message = { .msg_iov = part };

	/* A pipe with room has room for PIPE_BUF bytes. */
	nr = cut(iov, nr, part,
		 stream->kind == STREAM_BLOCKING && !in ? PIPE_BUF : SSIZE_MAX);
	message.msg_iovlen = nr;
	if (stream->kind == STREAM_SOCKET)
		return in ? recvmsg(fd, &message, MSG_DONTWAIT)
			  : sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (stream->kind == STREAM_BLOCKING && poll(&pollfd, 1, 0) == 0) {
		errno = EAGAIN;
		return -1;
	}
	return in ? readv(fd, part, (int)nr) : writev(fd, part, (int)nr);
}

ssize_t stream_move(struct stream *stream, const struct iovec *iov, unsigned nr)
{
	ssize_t n;

	if (stream->ended)
		return -1;
	n = try_move(stream, iov, nr);
	if (n > 0)
		return n;
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		wait_for_it(stream);
		return 0;
	}
	if (n < 0 && !fd_is_hangup(stream->source.fd, errno))
		stream->failure = errno;
	stream->ended = true;
	return -1;
}
