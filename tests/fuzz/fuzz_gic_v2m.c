/* SPDX-License-Identifier: BSD-2-Clause */
/* The v2m frame: any sequence of accesses; it raises nothing but its own interrupts. */
#include "chip.h"

#include "dev/gic_v2m.h"

static void on_raise(void *opaque, uint32_t intid)
{
	const struct gic_v2m *v2m = opaque;

	FUZZ_CHECK(intid >= v2m->first && intid < v2m->first + v2m->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct gic_v2m v2m;

	gic_v2m_init(&v2m, 96, (uint32_t)fuzz_next(&input, 1), on_raise, &v2m);
	while (input.size) {
		const uint64_t offset = fuzz_next(&input, 2) % (GIC_V2M_SIZE - 3);
		const unsigned access_size = 1u << fuzz_next(&input, 1) % 3;
		const bool to_setspi = fuzz_next(&input, 1) & 1;

		gic_v2m_io.read(&v2m, offset, access_size);
		gic_v2m_io.write(&v2m, to_setspi ? GIC_V2M_SETSPI_NS : offset,
				 access_size, fuzz_next(&input, access_size));
	}
	return 0;
}
