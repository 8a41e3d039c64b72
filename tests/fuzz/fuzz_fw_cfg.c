/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any sequence of accesses with any structure in RAM, and any saved state. What is asked
 * of RAM must be bounded by what the chip says, and the control word is answered.
 */
#include "chip.h"

#include "dev/fw_cfg.h"

#define RAM_SIZE 0x20000u

struct machine {
	struct fw_cfg fw;
	uint8_t *ram; /* of its own, so that a byte too far is seen */
};

static const void *for_read(void *opaque, uint64_t gpa, uint64_t len)
{
	struct machine *machine = opaque;

	return range_within(gpa, len, RAM_SIZE) ? machine->ram + gpa : NULL;
}

static void *for_write(void *opaque, uint64_t gpa, uint64_t len)
{
	return (void *)(uintptr_t)for_read(opaque, gpa, len);
}

static const struct fw_cfg_ops ops = { .for_read = for_read, .for_write = for_write };

static bool fetch(void *opaque, uint32_t offset, void *to, size_t len)
{
	(void)opaque;
	FUZZ_CHECK(len && range_within(offset, len, 0x3000));
	memset(to, 'x', len);
	return offset != 0x10;
}

static void build(struct machine *machine)
{
	const struct fw_cfg_content text = { .data = "0123456789", .size = 10 };
	const struct fw_cfg_content lazy = { .read = fetch, .size = 0x3000 };
	struct err err;

	machine->ram = calloc(1, RAM_SIZE);
	FUZZ_CHECK(machine->ram && !fw_cfg_init(&machine->fw, &ops, machine, &err));
	FUZZ_CHECK(!fw_cfg_add_file(&machine->fw, "b", &text, &err));
	FUZZ_CHECK(!fw_cfg_add_file(&machine->fw, "a", &lazy, &err));
	FUZZ_CHECK(!fw_cfg_add_writable_file(&machine->fw, "w", 100, &err));
	FUZZ_CHECK(!fw_cfg_add_writable_file(&machine->fw, "v", 3996, &err));
	FUZZ_CHECK(!fw_cfg_add_number(&machine->fw, FW_CFG_RAM_SIZE, 1, 8, &err));
}

static void reload(struct fuzz_input *input, struct fw_cfg *fw)
{
	struct state_writer writer = { 0 };
	struct err err;

	FUZZ_CHECK(fw_cfg_save(fw, &writer, "u", &err) == 0);
	fuzz_damage(input, &writer);
	(void)fw_cfg_load(fw, (struct bytes){ writer.data, writer.size }, "u", &err);
	state_writer_free(&writer);
}

/* A structure somewhere in RAM; its fields from the input, the length often a large one. */
static void transfer(struct fuzz_input *input, struct machine *machine)
{
	const uint32_t at = (uint32_t)fuzz_next(input, 2) % (RAM_SIZE - 16);
	uint8_t *access = machine->ram + at;

	store_le32(access, (uint32_t)fuzz_next(input, 1) << 24 |
				   (uint32_t)fuzz_next(input, 1) << 8);
	store_le32(access + 4, __builtin_bswap32((uint32_t)fuzz_next(input, 3)));
	store_le64(access + 8, __builtin_bswap64(fuzz_next(input, 3)));
	fw_cfg_dma_io.write(&machine->fw, 0, 4, 0);
	fw_cfg_dma_io.write(&machine->fw, 4, 4, __builtin_bswap32(at));
	FUZZ_CHECK(__builtin_bswap32(load_le32(access)) <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct machine machine;

	build(&machine);
	while (input.size) {
		switch (fuzz_next(&input, 1) % 5) {
		case 0:
			reload(&input, &machine.fw);
			break;
		case 1:
			fuzz_access(&input, &fw_cfg_io, &machine.fw, FW_CFG_NR_PORTS);
			break;
		case 2:
			fuzz_access(&input, &fw_cfg_dma_io, &machine.fw,
				    FW_CFG_DMA_NR_PORTS);
			break;
		case 3:
			fw_cfg_io.write(&machine.fw, 0, 2, fuzz_next(&input, 1));
			break;
		default:
			transfer(&input, &machine);
			break;
		}
	}
	fw_cfg_destroy(&machine.fw);
	free(machine.ram);
	return 0;
}
