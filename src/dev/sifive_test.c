/* SPDX-License-Identifier: BSD-2-Clause */
/* SiFive's test device; see sifive_test.h. */
#include "dev/sifive_test.h"

static uint64_t sifive_test_read(void *dev, uint64_t offset, unsigned size)
{
	(void)dev;
	(void)offset;
	(void)size;
	return 0;
}

static void sifive_test_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	const struct sifive_test *test = dev;

	(void)size; /* a byte is no command, and a half word one without a code */
	if (offset)
		return;
	switch (value & 0xffff) {
	case SIFIVE_TEST_PASS:
	case SIFIVE_TEST_RESET:
		test->finish(test->opaque, (enum sifive_test_finish)(value & 0xffff), 0);
		break;
	case SIFIVE_TEST_FAIL:
		test->finish(test->opaque, SIFIVE_TEST_FAIL, (uint16_t)(value >> 16));
		break;
	default:
		break;
	}
}

const struct io_ops sifive_test_io = {
	.read = sifive_test_read,
	.write = sifive_test_write,
	.max_size = 4,
};

void sifive_test_init(struct sifive_test *test,
		      void (*finish)(void *opaque, enum sifive_test_finish how,
				     uint16_t code),
		      void *opaque)
{
	*test = (struct sifive_test){ .finish = finish, .opaque = opaque };
}
