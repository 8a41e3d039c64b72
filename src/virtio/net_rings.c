/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames between the rings and the back end, with no copy in between on a tap.
 *
 * Receive. How long the next frame is, nobody tells before it is read. So buffers for the
 * longest one are taken from the ring and kept in hand (struct net_hand), the frame
 * is read into all of them at once, and those that it filled are given back as used; the
 * rest stays in hand for the next. With MRG_RXBUF a frame may fill many (5.1.6.3).
 *
 * If the driver has not posted that many, the frame is read aside (bounce) and copied: then
 * its length is known. If even for that there are not enough buffers, it waits there,
 * the back end is told to keep the others, and the driver is asked for a kick. So
 * nothing is lost here and nobody spins.
 *
 * Transmit. The header is copied, checked and sent from the copy; what the driver changes
 * later in the rest is its own frame. A frame that the back end has no room for waits
 * in `chain`, and the ring behind it.
 *
 * A turn moves a bounded number of frames, so that other devices get theirs.
 */
#include <errno.h>
#include <string.h>

#include "net/frame.h"
#include "virtio/net_private.h"

#define RECEIVE_BATCH  64u
#define TRANSMIT_BATCH 256u
/* Show the driver what was sent at least that often: it waits for room in the ring. */
#define TRANSMIT_SHOW 64u

/* The longest frames (5.1.6.3.1): with and without segmentation offload. */
#define LARGE_FRAME (65550u + NET_HEADER_SIZE)
#define VLAN_TAG    4u
#define DEFAULT_MTU 1500u
#define ANY_GSO                                                                \
	(net_bit(VIRTIO_NET_F_GUEST_TSO4) | net_bit(VIRTIO_NET_F_GUEST_TSO6) | \
	 net_bit(VIRTIO_NET_F_GUEST_UFO) | net_bit(VIRTIO_NET_F_GUEST_USO4) |  \
	 net_bit(VIRTIO_NET_F_GUEST_USO6))

static struct virtq *receive_ring(const struct net_pair *pair)
{
	return net_ring(pair->card, 2 * pair->index);
}

static struct virtq *transmit_ring(const struct net_pair *pair)
{
	return net_ring(pair->card, 2 * pair->index + 1);
}

static void ring_broken(struct net_pair *pair, const struct virtq *ring)
{
	struct virtio *virtio = &pair->card->virtio;

	virtio_fail(virtio, "queue %u: %s",
		    (unsigned)(ring == receive_ring(pair) ? 2 * pair->index
							  : 2 * pair->index + 1),
		    ring->fault);
}

/* -- receive -- */

static void want_frames(struct net_pair *pair, bool wanted)
{
	struct net_backend *backend = pair->card->backend;

	if (pair->wanted == wanted)
		return;
	pair->wanted = wanted;
	backend->ops->want_frames(backend, pair->index, wanted);
}

static uint64_t longest_frame(const struct net_card *card)
{
	const unsigned mtu = card->backend->info.mtu;

	if (card->state.offloads & ANY_GSO)
		return LARGE_FRAME;
	return (mtu ? mtu : DEFAULT_MTU) + FRAME_HEADER + VLAN_TAG + NET_HEADER_SIZE;
}

/* Move what is in hand to the beginning of its arrays. */
static void hand_compact(struct net_hand *hand)
{
	if (!hand->first)
		return;
	memmove(hand->iov, hand->iov + hand->first_iov,
		hand->nr_iov * sizeof(hand->iov[0]));
	memmove(hand->chains, hand->chains + hand->first,
		hand->count * sizeof(hand->chains[0]));
	for (unsigned i = 0; i < hand->count; i++)
		hand->chains[i].iov -= hand->first_iov;
	hand->first = hand->first_iov = 0;
}

/* Is there room for one more chain of up to `size` segments, and the spare byte? */
static bool hand_has_room(struct net_hand *hand, unsigned size)
{
	if (hand->first + hand->count < NET_QUEUE_SIZE &&
	    hand->first_iov + hand->nr_iov + size < NET_MAX_IOV)
		return true;
	hand_compact(hand);
	return hand->count < NET_QUEUE_SIZE && hand->nr_iov + size < NET_MAX_IOV;
}

/* One more buffer: 1. None: 0. -1: the driver broke a rule, and was told. */
static int hand_take(struct net_pair *pair)
{
	struct net_hand *hand = &pair->hand;
	struct virtq *ring = receive_ring(pair);
	struct virtq_chain *chain;
	int got;

	if (!hand_has_room(hand, ring->state.size))
		return 0;
	chain = &hand->chains[hand->first + hand->count];
	chain->iov = hand->iov + hand->first_iov + hand->nr_iov;
	chain->max_iov = ring->state.size;
	got = virtq_pop(ring, chain);
	if (got < 0)
		ring_broken(pair, ring);
	if (got <= 0)
		return got;
	if (chain->nr_out || chain->in_size < NET_HEADER_SIZE) {
		virtio_fail(&pair->card->virtio,
			    "queue %u: a receive buffer of %llu bytes, %u segments to "
			    "read (virtio 1.2: 5.1.6.3.1)",
			    2 * pair->index, (unsigned long long)chain->in_size,
			    chain->nr_out);
		return -1;
	}
	hand->count++;
	hand->nr_iov += chain->nr_in;
	hand->bytes += chain->in_size;
	return 1;
}

/* Take buffers until a frame of `bytes` fits. 1: it does. 0: there are not enough. */
static int hand_fill(struct net_pair *pair, uint64_t bytes)
{
	struct net_hand *hand = &pair->hand;
	const bool merge = virtio_has(&pair->card->virtio, VIRTIO_NET_F_MRG_RXBUF);

	/* Without merging a frame gets one buffer, whatever that holds. */
	while (merge ? hand->bytes < bytes : !hand->count) {
		int got = hand_take(pair);

		if (got <= 0)
			return got;
	}
	return 1;
}

/* The oldest buffer leaves the hand. */
static void hand_drop_first(struct net_hand *hand)
{
	const struct virtq_chain *chain = &hand->chains[hand->first];

	hand->first_iov += chain->nr_in;
	hand->nr_iov -= chain->nr_in;
	hand->bytes -= chain->in_size;
	hand->first++;
	if (!--hand->count)
		hand->first = hand->first_iov = 0;
}

/* How many buffers in hand hold `len` bytes. */
static uint16_t count_buffers(const struct net_hand *hand, uint64_t len)
{
	unsigned n = 0;

	while (n < hand->count) {
		const uint64_t size = hand->chains[hand->first + n++].in_size;

		if (size >= len)
			break;
		len -= size;
	}
	return (uint16_t)n;
}

/* A frame of `len` bytes is in the first buffers in hand: give them back. */
static void hand_give(struct net_pair *pair, uint64_t len)
{
	struct net_hand *hand = &pair->hand;
	struct virtq *ring = receive_ring(pair);
	const uint16_t buffers = count_buffers(hand, len);
	const struct virtq_chain *first = &hand->chains[hand->first];
	uint8_t number[2];

	/* 5.1.6.4.1: "MUST set num_buffers", to 1 without MRG_RXBUF. */
	store_le16(number, buffers);
	virtq_chain_write(first, NET_HDR_NUM_BUFFERS, number, sizeof(number));
	/* 5.1.6.4.1: without GUEST_CSUM "the device MUST set flags to zero". */
	if (!(pair->card->virtio.features & net_bit(VIRTIO_NET_F_GUEST_CSUM)))
		virtq_chain_write(first, NET_HDR_FLAGS, "", 1);
	for (unsigned i = 0; i < buffers; i++) {
		const struct virtq_chain *chain = &hand->chains[hand->first];
		const uint64_t n = chain->in_size < len ? chain->in_size : len;

		virtq_push(ring, chain, (uint32_t)n);
		len -= n;
		hand_drop_first(hand);
	}
}

/* Read a frame straight into the buffers in hand. Its length; -EAGAIN: there is none. */
static ssize_t read_direct(struct net_pair *pair)
{
	struct net_backend *backend = pair->card->backend;
	struct net_hand *hand = &pair->hand;
	struct iovec *iov = hand->iov + hand->first_iov;
	uint8_t spare;
	ssize_t n;

	/* One byte more tells a frame that fits from one that was cut. */
	iov[hand->nr_iov] = (struct iovec){ .iov_base = &spare, .iov_len = 1 };
	n = backend->ops->receive(backend, pair->index, iov, hand->nr_iov + 1);
	if (n > 0 && (uint64_t)n > hand->bytes)
		return -EMSGSIZE;
	return n;
}

/* Read a frame aside. */
static ssize_t read_aside(struct net_pair *pair)
{
	struct net_backend *backend = pair->card->backend;
	struct iovec iov = { .iov_base = pair->bounce, .iov_len = NET_MAX_FRAME };
	ssize_t n = backend->ops->receive(backend, pair->index, &iov, 1);

	if (n >= (ssize_t)NET_HEADER_SIZE)
		pair->bounce_len = (size_t)n;
	return n;
}

/* Copy the frame that waits aside, if there are buffers now. 1: done. 0: not enough. */
static int flush_aside(struct net_pair *pair)
{
	struct net_hand *hand = &pair->hand;
	const struct bytes frame = { pair->bounce, pair->bounce_len };
	const unsigned size = receive_ring(pair)->state.size;
	const int fits = hand_fill(pair, frame.size);

	if (fits < 0)
		return -1;
	if (!fits && hand->count < size && hand_has_room(hand, size))
		return 0;
	/* Otherwise we hold all that the driver can give: it will never fit. */
	pair->bounce_len = 0;
	if (hand->bytes >= frame.size &&
	    frame_scatter(hand->iov + hand->first_iov, hand->nr_iov, 0, frame))
		hand_give(pair, frame.size);
	return 1;
}

/* One frame. 1: done, look for the next. 0: no frame, or no buffers. -1: broken. */
static int receive_one(struct net_pair *pair)
{
	ssize_t n;
	int fits;

	if (pair->bounce_len)
		return flush_aside(pair);
	fits = hand_fill(pair, longest_frame(pair->card));
	if (fits < 0 || !pair->hand.count)
		return fits < 0 ? -1 : 0;
	n = fits ? read_direct(pair) : read_aside(pair);
	if (n == -EAGAIN)
		return 0;
	if (!fits)
		return pair->bounce_len ? flush_aside(pair) : 1;
	if (n >= (ssize_t)NET_HEADER_SIZE)
		hand_give(pair, (uint64_t)n);
	return 1;
}

void net_receive(struct net_pair *pair)
{
	struct virtq *ring = receive_ring(pair);
	bool starved = false;
	int got = 1;

	if (!pair->active || !ring->state.ready)
		return;
	virtq_refuse_kicks(ring);
	for (unsigned i = 0; i < RECEIVE_BATCH && got > 0; i++) {
		got = receive_one(pair);
		starved = !got && (pair->bounce_len || !pair->hand.count);
		/* Ask for a kick, and look once more. */
		if (starved && virtq_want_kicks(ring))
			got = 1;
	}
	want_frames(pair, got > 0 || (!got && !starved));
	virtio_publish(&pair->card->virtio, 2 * pair->index);
	/* The turn is over, not the work; of frames in the host the back end tells. */
	if (got > 0 && pair->bounce_len)
		virtio_kick(&pair->card->virtio, 2 * pair->index);
}

/* -- transmit -- */

/* Drop the driver's header from the segments to send and put ours in front. */
static void replace_header(struct net_pair *pair)
{
	struct iovec *iov = pair->iov;
	unsigned first = 1;
	size_t left = NET_HEADER_SIZE;

	while (iov[first].iov_len <= left)
		left -= iov[first++].iov_len;
	iov[first].iov_base = (uint8_t *)iov[first].iov_base + left;
	iov[first].iov_len -= left;
	first--;
	iov[first] =
		(struct iovec){ .iov_base = pair->header, .iov_len = NET_HEADER_SIZE };
	pair->chain.iov = iov + first;
	pair->nr_iov = pair->chain.nr_out - first + 1;
}

/* Is there a frame in the chain that may go out? Then it is ready to be sent. */
static bool prepare(struct net_pair *pair)
{
	const struct net_card *card = pair->card;
	const uint64_t size = pair->chain.out_size;

	if (size < NET_HEADER_SIZE + FRAME_HEADER || size > NET_MAX_FRAME)
		return false;
	virtq_chain_read(&pair->chain, 0, pair->header, NET_HEADER_SIZE);
	if (!frame_check_header(pair->header, (size_t)size - NET_HEADER_SIZE,
				card->virtio.features))
		return false;
	replace_header(pair);
	return true;
}

/* The next frame of the ring. 1: there is one. 0: none, or one to skip. -1: broken. */
static int transmit_pop(struct net_pair *pair)
{
	struct virtq *ring = transmit_ring(pair);
	int got;

	pair->chain.iov = pair->iov + 1;
	pair->chain.max_iov = NET_QUEUE_SIZE;
	got = virtq_pop(ring, &pair->chain);
	if (got < 0)
		ring_broken(pair, ring);
	return got;
}

void net_transmit(struct net_pair *pair)
{
	struct net_backend *backend = pair->card->backend;
	struct virtio *virtio = &pair->card->virtio;
	struct virtq *ring = transmit_ring(pair);
	const unsigned queue = 2 * pair->index + 1;
	unsigned done = 0;

	if (!pair->active || !ring->state.ready)
		return;
	virtq_refuse_kicks(ring);
	for (; done < TRANSMIT_BATCH; done++) {
		if (!pair->waiting) {
			int got = transmit_pop(pair);

			if (!got && virtq_want_kicks(ring))
				continue;
			if (got <= 0)
				break;
		}
		if ((pair->waiting || prepare(pair)) &&
		    backend->ops->send(backend, pair->index, pair->chain.iov,
				       pair->nr_iov) == -EAGAIN) {
			pair->waiting = true;
			break;
		}
		pair->waiting = false;
		virtq_push(ring, &pair->chain, 0);
		if (done % TRANSMIT_SHOW == TRANSMIT_SHOW - 1)
			virtio_publish(virtio, queue);
	}
	virtio_publish(virtio, queue);
	if (done == TRANSMIT_BATCH)
		virtio_kick(virtio, queue);
	if (backend->ops->sent_all)
		backend->ops->sent_all(backend, pair->index);
}

void net_forget(struct net_pair *pair)
{
	want_frames(pair, false);
	pair->hand.first = pair->hand.count = 0;
	pair->hand.first_iov = pair->hand.nr_iov = 0;
	pair->hand.bytes = 0;
	pair->bounce_len = 0;
	pair->waiting = false;
}
