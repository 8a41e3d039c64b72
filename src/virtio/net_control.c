/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control queue of a network card (virtio 1.2, 5.1.6.5): a class, a command, its data,
 * and a byte for the answer.
 *
 * Receive filters are accepted and not used: they are a matter of best effort
 * (5.1.6.5.1), and a driver looks at the address of each frame anyway. With frames
 * going straight into the driver's buffers, a filter here would save nothing.
 */
#include <string.h>

#include "util/bytes.h"
#include "virtio/net_private.h"

#define VIRTIO_NET_OK  0
#define VIRTIO_NET_ERR 1

#define VIRTIO_NET_CTRL_RX            0
#define VIRTIO_NET_CTRL_RX_ALLMULTI   1
#define VIRTIO_NET_CTRL_RX_NOBCAST    5
#define VIRTIO_NET_CTRL_MAC           1
#define VIRTIO_NET_CTRL_MAC_TABLE_SET 0
#define VIRTIO_NET_CTRL_MAC_ADDR_SET  1
#define VIRTIO_NET_CTRL_MQ            4
#define VIRTIO_NET_CTRL_MQ_PAIRS_SET  0
#define VIRTIO_NET_CTRL_OFFLOADS      5
#define VIRTIO_NET_CTRL_OFFLOADS_SET  0

#define CONTROL_BATCH 16
#define HEADER_SIZE   2u /* class and command */
#define MAC_SIZE      6u

/* A command with its data behind the first two bytes of the chain. */
struct command {
	struct net_card *card;
	const struct virtq_chain *chain;
	uint8_t class, command;
	uint64_t size; /* of the data */
};

/* Copy the first `size` bytes of the data; there must be just as many. */
static bool read_data(const struct command *command, void *to, size_t size)
{
	return command->size == size &&
	       virtq_chain_read(command->chain, HEADER_SIZE, to, size) == size;
}

/* 5.1.6.5.1: promiscuous and the like. The later ones came with CTRL_RX_EXTRA. */
static bool set_receive_mode(const struct command *command)
{
	const struct virtio *virtio = &command->card->virtio;
	uint8_t on;

	if (!virtio_has(virtio, VIRTIO_NET_F_CTRL_RX) ||
	    command->command > VIRTIO_NET_CTRL_RX_NOBCAST)
		return false;
	if (command->command > VIRTIO_NET_CTRL_RX_ALLMULTI &&
	    !virtio_has(virtio, VIRTIO_NET_F_CTRL_RX_EXTRA))
		return false;
	return read_data(command, &on, sizeof(on)) && on <= 1;
}

/* 5.1.6.5.2: a table of unicast and one of multicast addresses. */
static bool set_mac_table(const struct command *command)
{
	uint64_t at = 0;

	if (!virtio_has(&command->card->virtio, VIRTIO_NET_F_CTRL_RX))
		return false;
	for (unsigned table = 0; table < 2; table++) {
		uint8_t entries[4];

		if (!range_within(at, sizeof(entries), command->size))
			return false;
		virtq_chain_read(command->chain, HEADER_SIZE + at, entries,
				 sizeof(entries));
		at += sizeof(entries);
		if (!range_within(at, (uint64_t)load_le32(entries) * MAC_SIZE,
				  command->size))
			return false;
		at += (uint64_t)load_le32(entries) * MAC_SIZE;
	}
	return at == command->size;
}

static bool set_mac(const struct command *command)
{
	struct virtio *virtio = &command->card->virtio;
	uint8_t mac[MAC_SIZE];

	if (!virtio_has(virtio, VIRTIO_NET_F_CTRL_MAC_ADDR) ||
	    !read_data(command, mac, sizeof(mac)))
		return false;
	pthread_mutex_lock(&virtio->lock);
	memcpy(command->card->state.mac, mac, sizeof(mac));
	pthread_mutex_unlock(&virtio->lock);
	return true;
}

/* 5.1.6.5.5: "a value between 1 and max_virtqueue_pairs". */
static bool set_pairs(const struct command *command)
{
	struct net_card *card = command->card;
	uint8_t data[2];

	if (!virtio_has(&card->virtio, VIRTIO_NET_F_MQ) ||
	    !read_data(command, data, sizeof(data)) || !load_le16(data) ||
	    load_le16(data) > card->nr_pairs)
		return false;
	return net_set_pairs(card, load_le16(data)) == 0;
}

/* 5.1.6.5.6.2: "MUST NOT set an offload which has not been negotiated". */
static bool set_offloads(const struct command *command)
{
	struct net_card *card = command->card;
	uint8_t data[8];

	if (!virtio_has(&card->virtio, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) ||
	    !read_data(command, data, sizeof(data)) ||
	    (load_le64(data) & ~(card->virtio.features & GUEST_OFFLOADS)))
		return false;
	return net_set_offloads(card, load_le64(data)) == 0;
}

static bool carry_out(const struct command *command)
{
	switch (command->class << 8 | command->command) {
	case VIRTIO_NET_CTRL_MAC << 8 | VIRTIO_NET_CTRL_MAC_TABLE_SET:
		return set_mac_table(command);
	case VIRTIO_NET_CTRL_MAC << 8 | VIRTIO_NET_CTRL_MAC_ADDR_SET:
		return set_mac(command);
	case VIRTIO_NET_CTRL_MQ << 8 | VIRTIO_NET_CTRL_MQ_PAIRS_SET:
		return set_pairs(command);
	case VIRTIO_NET_CTRL_OFFLOADS << 8 | VIRTIO_NET_CTRL_OFFLOADS_SET:
		return set_offloads(command);
	default:
		return command->class == VIRTIO_NET_CTRL_RX && set_receive_mode(command);
	}
}

static uint8_t answer(struct net_card *card, const struct virtq_chain *chain)
{
	struct command command = {
		.card = card,
		.chain = chain,
		.size = chain->out_size - HEADER_SIZE,
	};
	uint8_t header[HEADER_SIZE];

	virtq_chain_read(chain, 0, header, sizeof(header));
	command.class = header[0];
	command.command = header[1];
	return carry_out(&command) ? VIRTIO_NET_OK : VIRTIO_NET_ERR;
}

void net_control(struct net_card *card, unsigned queue)
{
	struct virtq *ring = &card->virtio.queues[queue].ring;
	struct iovec iov[NET_QUEUE_SIZE];
	struct virtq_chain chain = { .iov = iov, .max_iov = NET_QUEUE_SIZE };
	uint8_t ack;
	int got = 0;

	for (unsigned i = 0; i < CONTROL_BATCH; i++) {
		got = virtq_pop(ring, &chain);
		if (!got && virtq_want_kicks(ring))
			got = virtq_pop(ring, &chain);
		if (got <= 0)
			break;
		if (chain.out_size < HEADER_SIZE || !chain.in_size) {
			virtio_fail(&card->virtio,
				    "queue %u: a command of %llu bytes, with %llu for "
				    "the answer (virtio 1.2: 5.1.6.5)",
				    queue, (unsigned long long)chain.out_size,
				    (unsigned long long)chain.in_size);
			return;
		}
		ack = answer(card, &chain);
		virtq_chain_write(&chain, 0, &ack, sizeof(ack));
		virtq_push(ring, &chain, sizeof(ack));
	}
	virtio_publish(&card->virtio, queue);
	if (got < 0)
		virtio_fail(&card->virtio, "queue %u: %s", queue, ring->fault);
	else if (got > 0)
		virtio_kick(&card->virtio, queue); /* go on in the next turn */
}
