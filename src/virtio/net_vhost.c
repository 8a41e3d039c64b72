/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network card whose frames move in a thread of the host's kernel (vhost=on): between
 * the rings and the tap, with no turn of our loop and no exit of the guest. What is left
 * here is the control queue, and handing the rings over and taking them back.
 *
 * Each queue pair has a handle of its own, and so a kernel thread of its own; its
 * tap queue has the header of virtio_net_hdr_mrg_rxbuf, which is what vhost expects
 * with VERSION_1 (NET_HEADER_SIZE).
 *
 * What vhost writes into guest memory is not in the bitmap of core/memory.c. To know it,
 * a snapshot of a running guest will have to ask vhost for its log: VHOST_SET_LOG_BASE
 * and VHOST_F_LOG_ALL before, with VHOST_VRING_F_LOG for the used rings.
 */
#include "virtio/net_private.h"

enum {
	RING_RX,
	RING_TX,
	NR_RINGS,
};

int net_vhost_open(struct net_card *card, struct err *err)
{
	const uint64_t needed = net_bit(VIRTIO_NET_F_MRG_RXBUF);

	if (!card->backend->info.can_vhost)
		return err_set(err, "vhost=on belongs to -n tap");
	for (unsigned i = 0; i < card->nr_pairs; i++) {
		uint64_t features;

		if (vhost_open(&card->pairs[i].vhost, VHOST_NET_DEVICE, err) ||
		    vhost_check(&card->pairs[i].vhost, &features, err))
			return -1;
		if ((features & needed) != needed)
			return err_set(err,
				       "vhost-net of this kernel knows no MRG_RXBUF");
	}
	return 0;
}

void net_vhost_init_rings(struct net_card *card)
{
	for (unsigned i = 0; i < card->nr_pairs; i++) {
		struct net_pair *pair = &card->pairs[i];

		for (unsigned ring = 0; ring < NR_RINGS; ring++)
			vhost_ring_init(&pair->rings[ring], &card->virtio, &pair->vhost,
					2 * i + ring, ring);
	}
}

static bool is_ready(struct net_card *card, unsigned pair)
{
	return net_ring(card, 2 * pair)->state.ready &&
	       net_ring(card, 2 * pair + 1)->state.ready;
}

static int start_pair(struct net_pair *pair, struct err *err)
{
	struct net_card *card = pair->card;
	const uint64_t own = card->virtio.features & net_bit(VIRTIO_NET_F_MRG_RXBUF);
	const int tap = card->backend->info.tap_fds[pair->index];

	if (vhost_agree(&pair->vhost, &card->virtio, own, err))
		return -1;
	for (unsigned ring = 0; ring < NR_RINGS; ring++) {
		if (vhost_ring_start(&pair->rings[ring], err))
			return -1;
	}
	pair->vhost_running = true;
	for (unsigned ring = 0; ring < NR_RINGS; ring++) {
		if (vhost_net_set_backend(&pair->vhost, ring, tap, err))
			return -1;
	}
	for (unsigned ring = 0; ring < NR_RINGS; ring++)
		vhost_ring_nudge(&pair->rings[ring]);
	return 0;
}

int net_vhost_start(struct net_card *card, struct err *err)
{
	for (unsigned i = 0; i < card->nr_pairs; i++) {
		if (is_ready(card, i) && start_pair(&card->pairs[i], err))
			return -1;
	}
	return 0;
}

void net_vhost_stop(struct net_card *card)
{
	struct err ignored;

	for (unsigned i = 0; i < card->nr_pairs; i++) {
		struct net_pair *pair = &card->pairs[i];

		for (unsigned ring = 0; ring < NR_RINGS && pair->vhost_running; ring++)
			(void)vhost_net_set_backend(&pair->vhost, ring, -1, &ignored);
		pair->vhost_running = false;
		for (unsigned ring = 0; ring < NR_RINGS; ring++)
			vhost_ring_stop(&pair->rings[ring]);
	}
}

void net_vhost_close(struct net_card *card)
{
	for (unsigned i = 0; i < card->nr_pairs; i++)
		vhost_close(&card->pairs[i].vhost);
}
