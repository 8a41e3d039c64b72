/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the fuzz targets of chips share: an input that is eaten from the front,
 * and a way to load a state with any bytes in it, which no fuzzer would find
 * by itself because of the checksum.
 */
#ifndef TESTS_FUZZ_CHIP_H
#define TESTS_FUZZ_CHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/bus.h"
#include "core/irq.h"
#include "util/bytes.h"
#include "util/err.h"
#include "util/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A broken promise of the chip ends the run, in every build. */
#define FUZZ_CHECK(condition)     \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

struct fuzz_input {
	const uint8_t *data;
	size_t size;
};

/* The next bytes as a number; zeros after the end. */
static inline uint64_t fuzz_next(struct fuzz_input *input, size_t size)
{
	uint64_t value = 0;
	size_t n = size < input->size ? size : input->size;

	memcpy(&value, input->data, n);
	input->data += n;
	input->size -= n;
	return value;
}

/* One access within the rules of the bus: in range, aligned or not, no excess bits. */
static inline void fuzz_access(struct fuzz_input *input, const struct io_ops *io,
			       void *dev, unsigned nr_ports)
{
	unsigned how = (unsigned)fuzz_next(input, 1);
	unsigned size = 1u << (how >> 1 & 3);
	uint64_t offset = (how >> 3) % nr_ports;

	while (size > io->max_size || offset + size > nr_ports)
		size /= 2;
	if (how & 1)
		io->write(dev, offset, size, fuzz_next(input, size));
	else
		io->read(dev, offset, size);
}

/* An interrupt line that must not be told what it knows. */
struct fuzz_irq {
	bool level;
	bool loading; /* a load drives the line whatever it was */
};

static inline void fuzz_irq_set(void *opaque, bool level)
{
	struct fuzz_irq *irq = opaque;

	FUZZ_CHECK(irq->loading || level != irq->level);
	irq->level = level;
}

/* Overwrite bytes of the values in the only section of `writer` and mend its CRC. */
static inline void fuzz_damage(struct fuzz_input *input, struct state_writer *writer)
{
	uint8_t *payload = writer->data + 16 + load_le16(writer->data + 6);
	uint32_t size = load_le32(writer->data + 8);
	unsigned changes = (unsigned)fuzz_next(input, 1) % 8;
	uint32_t crc = 0xffffffff;

	while (changes--) {
		uint64_t at = fuzz_next(input, 2) % size;

		payload[at] = (uint8_t)fuzz_next(input, 1);
	}
	for (uint32_t i = 0; i < size; i++) {
		crc ^= payload[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
	}
	store_le32(writer->data + 12, ~crc);
}

#endif
