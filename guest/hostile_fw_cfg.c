/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostile_fw_cfg: a guest that attacks fw_cfg, above all its DMA. It is booted by firmware
 * from the very device (protected_setup.S makes a bzImage of it), with 64 MiB of RAM.
 *
 * After each attack the device has to serve as before, by port and by DMA. A line for
 * each, "ok NAME" or "not ok NAME"; then "done N", and it powers off.
 */
#include "guest.h"

#define FW_CFG_SELECTOR 0x510
#define FW_CFG_DATA     0x511
#define FW_CFG_DMA_HIGH 0x514
#define FW_CFG_DMA_LOW  0x518

#define KEY_SIGNATURE   0x00
#define KEY_KERNEL_DATA 0x11
#define KEY_FILE_DIR    0x19
#define KEY_FILE_FIRST  0x20

#define ERROR  0x01u
#define READ   0x02u
#define SKIP   0x04u
#define SELECT 0x08u
#define WRITE  0x10u

#define SCRATCH   0x02000000u
#define RAM_END   0x04000000u
#define HOLE      0xc8000000u /* no RAM, and no device either */
#define ECAM      0xe0000000u
#define IOAPIC    0xfec00000u
#define LAPIC     0xfee00000u
#define KVM_PAGE  0xfeffc000u
#define ROM       0xfffff000u
#define UNTOUCHED 0x5a5a5a5au

struct access {
	uint32_t control, length, address_high, address_low; /* big-endian */
};

static struct access the_access __attribute__((aligned(16)));
static unsigned nr_attacks;

static void start(uint32_t at_high, uint32_t at)
{
	if (at_high)
		outl(FW_CFG_DMA_HIGH, __builtin_bswap32(at_high));
	outl(FW_CFG_DMA_LOW, __builtin_bswap32(at));
	__asm__ volatile("" : : : "memory");
}

/* What the control word says when it is over. */
static uint32_t dma_at(volatile struct access *access, uint32_t control, uint32_t length,
		       uint32_t high, uint32_t low)
{
	access->control = __builtin_bswap32(control);
	access->length = __builtin_bswap32(length);
	access->address_high = __builtin_bswap32(high);
	access->address_low = __builtin_bswap32(low);
	start(0, (uint32_t)access);
	return __builtin_bswap32(access->control);
}

static uint32_t dma(uint32_t control, uint32_t length, uint32_t high, uint32_t low)
{
	return dma_at(&the_access, control, length, high, low);
}

static volatile uint32_t *word_at(uint32_t address)
{
	return (volatile uint32_t *)address;
}

/* "QEMU" by both ways, and an item that is not there reads zero. */
static bool serves(void)
{
	uint32_t by_port = 0;

	outw(FW_CFG_SELECTOR, KEY_SIGNATURE);
	insb(FW_CFG_DATA, &by_port, 4);
	*word_at(SCRATCH) = UNTOUCHED;
	return by_port == 0x554d4551 &&
	       dma(KEY_SIGNATURE << 16 | SELECT | READ, 4, 0, SCRATCH) == 0 &&
	       *word_at(SCRATCH) == by_port;
}

static void tell(const char *name, bool done)
{
	print(done && serves() ? "ok " : "not ok ");
	print(name);
	print("\n");
	nr_attacks++;
}

/* Each of these gets the error bit, reading as well as writing. */
static const struct {
	const char *name;
	uint32_t high, low, length;
} bad_places[] = {
	{ "lapic", 0, LAPIC, 4 },
	{ "ioapic", 0, IOAPIC, 16 },
	{ "ecam", 0, ECAM, 64 },
	{ "hole", 0, HOLE, 64 },
	{ "rom", 0, ROM, 64 },
	{ "page_of_kvm", 0, KVM_PAGE, 64 },
	{ "behind_ram", 0, RAM_END, 4 },
	{ "crosses_the_end", 0, RAM_END - 4, 8 },
	{ "above_4g", 1, 0, 4 },
	{ "wraps_32_bits", 0, 0xfffffffc, 8 },
	{ "wraps_64_bits", 0xffffffff, 0xfffffffc, 8 },
	{ "last_byte", 0xffffffff, 0xffffffff, 1 },
	{ "4g_from_0", 0, 0, 0xffffffff },
	{ "4g_from_scratch", 0, SCRATCH, 0xffffffff },
	{ "all_of_ram", 0, 0, RAM_END },
};

static void attack_places(void)
{
	const uint32_t rom = *word_at(ROM);

	for (unsigned i = 0; i < COUNT(bad_places); i++) {
		const uint32_t high = bad_places[i].high, low = bad_places[i].low,
			       length = bad_places[i].length;
		bool done = true;

		for (unsigned key = KEY_SIGNATURE; key < KEY_FILE_FIRST + 4; key++)
			done &= dma(key << 16 | SELECT | WRITE, length, high, low) ==
				ERROR;
		done &= dma(KEY_FILE_DIR << 16 | SELECT | READ, length, high, low) ==
			ERROR;
		done &= dma(KEY_KERNEL_DATA << 16 | SELECT | READ, length, high, low) ==
			ERROR;
		tell(bad_places[i].name, done && *word_at(ROM) == rom);
	}
}

/* The structure where there is no RAM, or not enough of it: nobody can be told. */
static void attack_structures(void)
{
	static const uint32_t places[] = { LAPIC,      IOAPIC,    ECAM,    HOLE,
					   ROM,        KVM_PAGE,  RAM_END, RAM_END - 15,
					   0xfffffff8, 0xffffffff };

	for (unsigned i = 0; i < COUNT(places); i++) {
		start(0, places[i]);
		start(1, places[i]);
		start(0xffffffff, places[i]);
	}
	tell("structure_outside_ram", true);

	/* The last place that is one; and one that is not aligned. */
	tell("structure_at_the_end",
	     dma_at((void *)(RAM_END - 16), KEY_SIGNATURE << 16 | SELECT | READ, 4, 0,
		    SCRATCH) == 0);
	tell("structure_unaligned",
	     dma_at((void *)(SCRATCH + 0x1003), KEY_SIGNATURE << 16 | SELECT | READ, 4, 0,
		    SCRATCH) == 0);
	/* The bytes of the item overwrite the structure, then comes the answer. */
	tell("structure_is_the_target",
	     dma_at((void *)(SCRATCH + 0x2000), KEY_KERNEL_DATA << 16 | SELECT | READ, 64,
		    0, SCRATCH + 0x2000) == 0);
}

/* Asked for with no right to: what the bits mean together, and keys that are not there. */
static void attack_control_words(void)
{
	bool done = true;

	for (uint32_t bits = 0; bits < 0x10000; bits += 0x101) {
		const uint32_t answer = dma(bits << 16 | (bits & 0xffff), 16, 0, SCRATCH);

		done &= answer <= ERROR;
	}
	tell("control_words", done);
	tell("all_bits", dma(0xffffffff, 16, 0, SCRATCH) <= ERROR);
	tell("read_only",
	     dma(KEY_KERNEL_DATA << 16 | SELECT | WRITE, 4, 0, SCRATCH) == ERROR &&
		     dma(KEY_FILE_FIRST << 16 | SELECT | WRITE, 4, 0, SCRATCH) == ERROR &&
		     dma(WRITE, 1, 0, SCRATCH) == ERROR);
}

/* 4 GiB a thousand times over: skipped, read, of an item that is not there. */
static void attack_time(void)
{
	const uint32_t before = inl(PM_TIMER);
	bool done = true;

	for (unsigned i = 0; i < 1000; i++) {
		done &= dma(KEY_KERNEL_DATA << 16 | SELECT | SKIP, 0xffffffff, 0, 0) == 0;
		done &= dma(SKIP, 0xffffffff, 0, 0) == 0;
		done &= dma(READ, 0x1fffff, 0, SCRATCH) == ERROR;
		done &= dma(0x7fffu << 16 | SELECT | READ, 0xffffffff, 0, 0) == ERROR;
	}
	outw(FW_CFG_SELECTOR, KEY_KERNEL_DATA);
	tell("4_gib_at_once", done && inl(PM_TIMER) - before < 3579545u * 30);
}

/* Zeros behind the end of an item stop where they should. */
static void attack_padding(void)
{
	const uint32_t end = SCRATCH + 0x10004;

	*word_at(end) = UNTOUCHED;
	tell("padding",
	     dma(KEY_SIGNATURE << 16 | SELECT | READ, 0x10004, 0, SCRATCH) == 0 &&
		     *word_at(SCRATCH + 4) == 0 && *word_at(end - 4) == 0 &&
		     *word_at(end) == UNTOUCHED);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* Accesses of any width to all of its ports, and structures of any bytes. */
static void attack_at_random(void)
{
	volatile struct access *access = (void *)(SCRATCH + 0x100000);
	uint32_t seed = 0x510;

	for (unsigned i = 0; i < 3000; i++) {
		const uint32_t r = next_random(&seed);
		const uint16_t port = (uint16_t)(FW_CFG_SELECTOR + r % 12);

		switch (r >> 8 & 7) {
		case 0:
			outb(port, (uint8_t)(r >> 16));
			break;
		case 1:
			outw(port, (uint16_t)(r >> 16));
			break;
		case 2:
			inl(port);
			break;
		case 3:
			insb(port, (void *)(SCRATCH + 0x200000), r >> 24);
			break;
		default: /* only to memory that may be overwritten */
			dma_at(access, next_random(&seed), r >> 16, 0,
			       SCRATCH + (next_random(&seed) & 0xfffff));
			break;
		}
	}
	start(0, RAM_END); /* a high half that was left there is gone after that */
	tell("random", true);
}

void guest_main(uint32_t loader_magic, const struct multiboot_info *loader_info)
{
	(void)loader_magic;
	(void)loader_info;
	tell("nothing", true);
	attack_places();
	attack_structures();
	attack_control_words();
	attack_padding();
	attack_time();
	attack_at_random();
	print("done ");
	print_hex(nr_attacks, 8);
	print("\n");
	power_off();
}
