/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network card: what is between the driver and a network of src/net.
 *
 *	driver -> transmit ring -> net_transmit() -> backend send()
 *	driver <- receive ring  <- net_receive()  <- backend receive()
 *
 * net_rings.c moves the frames, net_control.c obeys the control queue, net_vhost.c
 * lets the kernel move them instead. Here are the life of the card and its
 * configuration space (5.1.4).
 *
 * A card has up to 16 queue pairs, if its tap has as many; a driver begins with one
 * and asks for more by the control queue. All of them belong to one loop.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/bytes.h"
#include "util/fd.h"
#include "virtio/net.h"
#include "virtio/net_private.h"

/* The configuration space (5.1.4). */
#define CONFIG_MAC    0
#define CONFIG_STATUS 6
#define CONFIG_PAIRS  8
#define CONFIG_MTU    10
#define CONFIG_SIZE   12

#define VIRTIO_NET_S_LINK_UP 1u

static struct net_card *to_card(void *dev)
{
	return dev;
}

/* -- what the driver sets -- */

/* 5.1.2: the control queue is behind the pairs; without MQ there is one. */
static unsigned control_queue(const struct net_card *card)
{
	return virtio_has(&card->virtio, VIRTIO_NET_F_MQ) ? 2 * card->nr_pairs : 2;
}

int net_set_pairs(struct net_card *card, unsigned pairs)
{
	struct err err;

	if (card->backend->ops->set_queues(card->backend, pairs, &err)) {
		platform_warn(&card->virtio.warnings, "%s: %s", card->virtio.name,
			      err.text);
		return -1;
	}
	card->state.pairs = (uint16_t)pairs;
	for (unsigned i = 0; i < card->nr_pairs; i++) {
		struct net_pair *pair = &card->pairs[i];

		if (pair->active == (i < pairs))
			continue;
		pair->active = i < pairs;
		/* The driver may have kicked them before: they look for themselves. */
		if (pair->active && !card->use_vhost) {
			virtio_kick(&card->virtio, 2 * i);
			virtio_kick(&card->virtio, 2 * i + 1);
		}
	}
	return 0;
}

int net_set_offloads(struct net_card *card, uint64_t offloads)
{
	struct err err;

	if (card->backend->ops->set_offloads(card->backend, offloads, &err)) {
		platform_warn(&card->virtio.warnings, "%s: %s", card->virtio.name,
			      err.text);
		return -1;
	}
	card->state.offloads = offloads;
	return 0;
}

/* -- struct virtio_ops -- */

static void read_config(void *dev, unsigned offset, void *data, unsigned size)
{
	const struct net_card *card = to_card(dev);
	uint8_t config[CONFIG_SIZE];

	memcpy(config + CONFIG_MAC, card->state.mac, sizeof(card->state.mac));
	store_le16(config + CONFIG_STATUS,
		   card->state.link_up ? VIRTIO_NET_S_LINK_UP : 0);
	store_le16(config + CONFIG_PAIRS, (uint16_t)card->nr_pairs);
	store_le16(config + CONFIG_MTU, (uint16_t)card->mtu);
	memcpy(data, config + offset, size);
}

static void start(void *dev)
{
	struct net_card *card = to_card(dev);
	struct err err;

	net_set_offloads(card, card->restored ? card->state.offloads
					      : card->virtio.features & GUEST_OFFLOADS);
	net_set_pairs(card, card->restored ? card->state.pairs : 1);
	card->restored = false;
	if (card->use_vhost && net_vhost_start(card, &err))
		virtio_fail(&card->virtio, "%s", err.text); /* which stops it again */
}

static void kick(void *dev, unsigned queue)
{
	struct net_card *card = to_card(dev);

	if (queue == control_queue(card))
		net_control(card, queue);
	else if (queue >= 2 * card->nr_pairs || card->use_vhost)
		return; /* a queue with no meaning for these features, or not ours */
	else if (queue % 2)
		net_transmit(&card->pairs[queue / 2]);
	else
		net_receive(&card->pairs[queue / 2]);
}

/* The card as it is when no driver has touched it. */
static void forget_driver(struct net_card *card)
{
	net_set_pairs(card, 1);
	card->pairs[0].active = false;
	net_set_offloads(card, 0);
	pthread_mutex_lock(&card->virtio.lock);
	memcpy(card->state.mac, card->own_mac, sizeof(card->state.mac));
	pthread_mutex_unlock(&card->virtio.lock);
}

static bool stop(void *dev)
{
	struct net_card *card = to_card(dev);

	if (card->use_vhost)
		net_vhost_stop(card);
	for (unsigned i = 0; i < card->nr_pairs; i++)
		net_forget(&card->pairs[i]);
	forget_driver(card);
	return true;
}

static void release(struct net_card *card)
{
	card->backend->ops->close(card->backend);
	net_vhost_close(card);
	for (unsigned i = 0; i < card->nr_pairs; i++)
		free(card->pairs[i].bounce);
	free(card);
}

static void net_free(void *dev)
{
	struct net_card *card = to_card(dev);

	if (card->use_vhost)
		net_vhost_stop(card);
	virtio_destroy(&card->virtio);
	release(card);
}

static const struct state_field state_fields[] = {
	STATE_FIELD(struct net_state, mac),
	STATE_FIELD(struct net_state, link_up),
	STATE_FIELD(struct net_state, pairs),
	STATE_FIELD(struct net_state, offloads),
};

static const struct state_layout state_layout = {
	.version = 1,
	.nr_fields = sizeof(state_fields) / sizeof(state_fields[0]),
	.fields = state_fields,
};

#define MAX_SECTION 64

static void section_name(const struct net_card *card, char name[MAX_SECTION])
{
	(void)snprintf(name, MAX_SECTION, "%s.card", card->virtio.name);
}

static int save(const void *dev, struct state_writer *writer, struct err *err)
{
	const struct net_card *card = dev;
	char name[MAX_SECTION];

	section_name(card, name);
	return state_save(writer, name, &state_layout, &card->state, err);
}

static int load(void *dev, struct bytes image, struct err *err)
{
	struct net_card *card = to_card(dev);
	struct net_state state = card->state;
	char name[MAX_SECTION];

	section_name(card, name);
	if (state_load(image, name, &state_layout, &state, err))
		return -1;
	if (!state.pairs || state.pairs > card->nr_pairs || state.link_up > 1)
		return err_set(err, "%s: %u queue pairs, link %u: cannot be", name,
			       state.pairs, state.link_up);
	card->state = state;
	card->restored = true;
	return 0;
}

static const struct virtio_ops ops = {
	.read_config = read_config,
	.start = start,
	.kick = kick,
	.stop = stop,
	.free = net_free,
	.save = save,
	.load = load,
};

/* -- struct net_client -- */

static void on_readable(void *opaque, unsigned queue)
{
	net_receive(&to_card(opaque)->pairs[queue]);
}

static void on_writable(void *opaque, unsigned queue)
{
	net_transmit(&to_card(opaque)->pairs[queue]);
}

static void on_gone(void *opaque)
{
	struct net_card *card = opaque;

	platform_warn(&card->virtio.warnings,
		      "%s: the interface \"%s\" was deleted: no carrier from now on",
		      card->virtio.name, card->backend->info.name);
	pthread_mutex_lock(&card->virtio.lock);
	card->state.link_up = false;
	pthread_mutex_unlock(&card->virtio.lock);
	virtio_config_changed(&card->virtio);
}

/* -- making one -- */

/* FNV-1a (draft-eastlake-fnv), to spread what names an interface over an address. */
static uint64_t hash(uint64_t seed, struct bytes bytes)
{
	for (size_t i = 0; i < bytes.size; i++)
		seed = (seed ^ bytes.data[i]) * 0x100000001b3ull;
	return seed;
}

/*
 * An address when the user gives none: the same at each start, so that the guest knows
 * its card again. On a tap it must differ from those of other guests and hosts, so it
 * is made of this host's machine-id and the name of the interface; a user network
 * has no other guests. Bit 1 of the first byte: locally administered.
 */
static void default_mac(const struct net_card *card, unsigned index, uint8_t mac[6])
{
	const char *name = card->backend->info.name;
	const uint8_t base[6] = { 0x02, 't', 'a', 'n', 'e', (uint8_t)index };
	struct file_contents id;
	struct err err;
	uint64_t sum = 0xcbf29ce484222325ull;

	memcpy(mac, base, sizeof(base));
	if (!name[0])
		return;
	if (!file_read(&id, "/etc/machine-id", 4096, &err)) {
		sum = hash(sum, id.bytes);
		file_release(&id);
	}
	sum = hash(sum, (struct bytes){ (const uint8_t *)name, strlen(name) });
	for (unsigned i = 1; i < 6; i++)
		mac[i] = (uint8_t)(sum >> (8 * i));
}

static uint64_t features_of(const struct net_card *card)
{
	uint64_t features =
		card->backend->info.offloads | net_bit(VIRTIO_NET_F_MAC) |
		net_bit(VIRTIO_NET_F_STATUS) | net_bit(VIRTIO_NET_F_MRG_RXBUF) |
		net_bit(VIRTIO_NET_F_CTRL_VQ) | net_bit(VIRTIO_NET_F_CTRL_RX) |
		net_bit(VIRTIO_NET_F_CTRL_RX_EXTRA) | net_bit(VIRTIO_NET_F_CTRL_MAC_ADDR);

	if (features & net_bit(VIRTIO_NET_F_GUEST_CSUM))
		features |= net_bit(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS);
	if (card->nr_pairs > 1)
		features |= net_bit(VIRTIO_NET_F_MQ);
	if (card->mtu)
		features |= net_bit(VIRTIO_NET_F_MTU);
	return features;
}

static int init_virtio(struct net_card *card, struct platform *platform, unsigned index,
		       bool packed, struct err *err)
{
	uint16_t sizes[2 * NET_MAX_QUEUES + 1];
	char name[32];
	struct virtio_setup setup = {
		.name = name,
		.id = VIRTIO_ID_NET,
		.driver_hint = "CONFIG_VIRTIO_NET (module virtio_net)",
		.ops = &ops,
		.dev = card,
		.config_size = CONFIG_SIZE,
		.offered = features_of(card),
		.queue_sizes = sizes,
		.nr_queues = 2 * card->nr_pairs + 1,
		.no_packed = card->use_vhost,
	};

	(void)snprintf(name, sizeof(name), "virtio-net.%u", index);
	for (unsigned i = 0; i + 1 < setup.nr_queues; i++)
		sizes[i] = NET_QUEUE_SIZE;
	sizes[setup.nr_queues - 1] = NET_CONTROL_SIZE;
	return virtio_init(&card->virtio, platform, &setup, packed, err);
}

static int init_pairs(struct net_card *card, struct err *err)
{
	for (unsigned i = 0; i < card->nr_pairs; i++) {
		struct net_pair *pair = &card->pairs[i];

		pair->card = card;
		pair->index = i;
		pair->vhost.fd = -1;
		pair->bounce = malloc(NET_MAX_FRAME);
		if (!pair->bounce)
			return err_set(err, "no memory");
	}
	return 0;
}

static int card_init(struct net_card *card, struct platform *platform,
		     const struct config_net *net, unsigned index, bool packed,
		     struct err *err)
{
	const unsigned usual_mtu = 1500;

	card->use_vhost = net->vhost;
	/* 5.1.3: a driver takes 1500 if it is not told. */
	card->mtu = net->mtu;
	if (!card->mtu && card->backend->info.mtu != usual_mtu)
		card->mtu = card->backend->info.mtu;
	if (net->has_mac)
		memcpy(card->own_mac, net->mac, sizeof(card->own_mac));
	else
		default_mac(card, index, card->own_mac);
	memcpy(card->state.mac, card->own_mac, sizeof(card->own_mac));
	card->state.link_up = !net->link_down;
	card->state.pairs = 1;
	if (init_pairs(card, err) || (card->use_vhost && net_vhost_open(card, err)) ||
	    init_virtio(card, platform, index, packed, err))
		return -1;
	if (card->use_vhost)
		net_vhost_init_rings(card);
	return 0;
}

struct virtio *virtio_net_new_on(struct platform *platform, struct net_backend *backend,
				 const struct config_net *net, unsigned index,
				 bool packed, struct err *err)
{
	const unsigned pairs = backend->info.queues;
	struct net_card *card = calloc(1, sizeof(*card) + pairs * sizeof(card->pairs[0]));

	if (!card) {
		err_set(err, "virtio-net.%u: no memory", index);
		backend->ops->close(backend);
		return NULL;
	}
	card->backend = backend;
	card->nr_pairs = pairs;
	backend->client = (struct net_client){
		.readable = on_readable,
		.writable = on_writable,
		.gone = on_gone,
		.opaque = card,
	};
	if (card_init(card, platform, net, index, packed, err)) {
		release(card);
		return NULL;
	}
	return &card->virtio;
}

struct virtio *virtio_net_new(struct platform *platform, const struct config_net *net,
			      unsigned index, unsigned cpus, bool packed, struct err *err)
{
	struct net_backend *backend =
		net->kind == NET_TAP ? net_open_tap(net, cpus, platform->loop, err)
				     : net_open_user(net, platform->loop, err);

	if (!backend)
		return NULL;
	return virtio_net_new_on(platform, backend, net, index, packed, err);
}
