/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest memory: the one place that turns a guest physical address and a length
 * into a pointer.
 *
 * RAM is a few regions of anonymous memory, reserved but not touched: the host
 * gives a page when the guest first uses it, 2 MiB at a time where transparent
 * huge pages can be had. Each region becomes one KVM memory slot.
 *
 * Or RAM is made of the host's pool of huge pages (hugetlb). They are set aside as
 * a region is added, or that fails: a page that is missing later would be a SIGBUS. So
 * none is given back to the pool before the end either, since another process might
 * take it.
 *
 * Every access names its whole range. find() refuses what is not entirely
 * inside one region, in arithmetic that cannot wrap; nothing else in the
 * program computes an address in guest RAM.
 *
 * KVM's dirty log knows what the guest wrote, but not what we wrote through our
 * own mapping. So every pointer for writing marks its pages in a bitmap, which
 * a snapshot or a migration merges with KVM's. The bitmap is anonymous memory
 * too: what is never marked costs nothing.
 *
 * While the guest runs, a page must be marked after it was written: whoever takes
 * the mark first and copies the page then must not get the bytes of before with no
 * mark left behind. So copies mark last, and what is written over a longer time
 * has memory_map() and memory_mark_written(). memory_for_write() marks first,
 * and is for the time before vCPUs run.
 */
#include <errno.h>
#include <linux/mman.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/memory.h"
#include "util/bytes.h"

#define HUGE_PAGE_SIZE (2ull << 20)
#define PAGE_SHIFT     12

/* Anonymous memory of `size` bytes, aligned so that huge pages fit. */
static uint8_t *reserve(uint64_t size)
{
	uint64_t padded = size + HUGE_PAGE_SIZE;
	uint8_t *start, *aligned;

	if (padded < size || padded > SIZE_MAX / 2) {
		errno = ENOMEM;
		return NULL;
	}
	start = mmap(NULL, padded, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (start == MAP_FAILED)
		return NULL;
	aligned = (uint8_t *)align_up((uintptr_t)start, HUGE_PAGE_SIZE);
	if (aligned > start)
		munmap(start, (size_t)(aligned - start));
	munmap(aligned + size, (size_t)(start + padded - (aligned + size)));
	/* Wishes: neither failing changes what the guest sees. */
	(void)madvise(aligned, size, MADV_HUGEPAGE);
	(void)madvise(aligned, size, MADV_DONTDUMP);
	return aligned;
}

/* The same from the pool, which knows no wish: it has so many pages or not. */
static uint8_t *reserve_pool(uint64_t size)
{
	uint8_t *start =
		mmap(NULL, size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB, -1, 0);

	if (start == MAP_FAILED)
		return NULL;
	(void)madvise(start, size, MADV_DONTDUMP);
	return start;
}

static int err_reserve(struct err *err, bool hugepages, uint64_t size)
{
	if (!hugepages || errno != ENOMEM)
		return err_errno(err, "guest memory: cannot reserve %llu MiB (--mem)",
				 (unsigned long long)(size >> 20));
	return err_set(err,
		       "--hugepages: the host has not %llu free huge pages of 2 MiB "
		       "(its administrator sets their number: sysctl vm.nr_hugepages)",
		       (unsigned long long)(size / HUGE_PAGE_SIZE));
}

static void release(struct memory_region *region)
{
	munmap(region->hva, region->size);
	munmap(region->dirty, region->dirty_size);
}

int memory_add_ram(struct memory *memory, uint64_t gpa, uint64_t size, struct err *err)
{
	struct memory_region *region = &memory->regions[memory->nr_regions];
	/* KVM maps pages of the host, which may be larger: 16 or 64 KiB on arm64. */
	const uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	void *dirty;

	if (memory->nr_regions == MEMORY_MAX_REGIONS)
		return err_set(err, "guest memory: more than %d regions",
			       MEMORY_MAX_REGIONS);
	if (!size || size % page_size || gpa % page_size || gpa + size < gpa)
		return err_set(err,
			       "guest memory: 0x%llx bytes at 0x%llx are not whole pages"
			       " of the host, which has %llu KiB (--mem)",
			       (unsigned long long)size, (unsigned long long)gpa,
			       (unsigned long long)page_size / 1024);
	if (memory->hugepages && size % HUGE_PAGE_SIZE)
		return err_set(err, "--hugepages: --mem has to be a multiple of 2M");

	*region = (struct memory_region){
		.gpa = gpa,
		.size = size,
		.hva = memory->hugepages ? reserve_pool(size) : reserve(size),
		.dirty_size = align_up((size >> PAGE_SHIFT) / 8 + 8, MEMORY_PAGE_SIZE),
	};
	if (!region->hva)
		return err_reserve(err, memory->hugepages, size);
	dirty = mmap(NULL, region->dirty_size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (dirty == MAP_FAILED) {
		munmap(region->hva, size);
		return err_errno(err, "guest memory: dirty bitmap");
	}
	region->dirty = dirty;
	memory->nr_regions++;
	return 0;
}

void memory_destroy(struct memory *memory)
{
	while (memory->nr_regions)
		release(&memory->regions[--memory->nr_regions]);
}

int memory_discard(struct memory *memory, struct err *err)
{
	for (unsigned i = 0; i < memory->nr_regions; i++) {
		struct memory_region *region = &memory->regions[i];

		if (memory->hugepages)
			memset(region->hva, 0, region->size);
		else if (madvise(region->hva, region->size, MADV_DONTNEED))
			return err_errno(err, "guest memory: cannot clear it");
		/* A page that became zero has changed too. */
		memset(region->dirty, 0xff, ((region->size >> PAGE_SHIFT) + 7) / 8);
	}
	return 0;
}

static const struct memory_region *find(const struct memory *memory, uint64_t gpa,
					uint64_t len)
{
	for (unsigned i = 0; i < memory->nr_regions; i++) {
		const struct memory_region *region = &memory->regions[i];

		if (gpa >= region->gpa &&
		    range_within(gpa - region->gpa, len, region->size))
			return region;
	}
	return NULL;
}

static void mark_dirty(const struct memory_region *region, uint64_t offset, uint64_t len)
{
	uint64_t page = offset >> PAGE_SHIFT;
	const uint64_t end = len ? ((offset + len - 1) >> PAGE_SHIFT) + 1 : page;

	/* A word of the bitmap at a time. */
	while (page < end) {
		const unsigned first = page % 64;
		const uint64_t n = end - page < 64 - first ? end - page : 64 - first;
		const uint64_t bits = n == 64 ? UINT64_MAX : (1ull << n) - 1;

		__atomic_fetch_or(&region->dirty[page / 64], bits << first,
				  __ATOMIC_RELEASE);
		page += n;
	}
}

void *memory_map(const struct memory *memory, uint64_t gpa, uint64_t len)
{
	const struct memory_region *region = find(memory, gpa, len);

	return region ? region->hva + (gpa - region->gpa) : NULL;
}

const void *memory_for_read(const struct memory *memory, uint64_t gpa, uint64_t len)
{
	return memory_map(memory, gpa, len);
}

void *memory_for_write(struct memory *memory, uint64_t gpa, uint64_t len)
{
	const struct memory_region *region = find(memory, gpa, len);

	if (!region)
		return NULL;
	mark_dirty(region, gpa - region->gpa, len);
	return region->hva + (gpa - region->gpa);
}

/* The region that has all of [hva, hva + len), and where in it that begins. */
static const struct memory_region *find_mapped(const struct memory *memory,
					       const void *hva, uint64_t len,
					       uint64_t *offset)
{
	for (unsigned i = 0; i < memory->nr_regions; i++) {
		const struct memory_region *region = &memory->regions[i];

		*offset = (uintptr_t)hva - (uintptr_t)region->hva;
		if (range_within(*offset, len, region->size))
			return region;
	}
	return NULL;
}

void memory_mark_written(const struct memory *memory, const void *hva, uint64_t len)
{
	uint64_t offset;
	const struct memory_region *region = find_mapped(memory, hva, len, &offset);

	if (region)
		mark_dirty(region, offset, len);
}

uint64_t memory_give_back(const struct memory *memory, const void *hva, uint64_t len)
{
	const uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t offset;
	const struct memory_region *region = find_mapped(memory, hva, len, &offset);
	uint64_t end;

	if (!region || memory->hugepages)
		return 0;
	/* A host with larger pages keeps those that are not wholly inside. */
	end = align_down(offset + len, page_size);
	offset = align_up(offset, page_size);
	if (offset >= end || madvise(region->hva + offset, end - offset, MADV_DONTNEED))
		return 0;
	/* They read zero now: that is a change. */
	mark_dirty(region, offset, end - offset);
	return end - offset;
}

bool memory_read(const struct memory *memory, uint64_t gpa, void *to, size_t len)
{
	const void *from = memory_for_read(memory, gpa, len);

	if (!from)
		return false;
	memcpy(to, from, len);
	return true;
}

bool memory_write(struct memory *memory, uint64_t gpa, const void *from, size_t len)
{
	void *to = memory_map(memory, gpa, len);

	if (!to)
		return false;
	memcpy(to, from, len);
	memory_mark_written(memory, to, len);
	return true;
}

bool memory_take_dirty(struct memory *memory, unsigned region, uint64_t page)
{
	const uint64_t bit = 1ull << (page % 64);
	const struct memory_region *r;

	if (region >= memory->nr_regions)
		return false;
	r = &memory->regions[region];
	if (page >= r->size >> PAGE_SHIFT)
		return false;
	return __atomic_fetch_and(&r->dirty[page / 64], ~bit, __ATOMIC_ACQUIRE) & bit;
}

bool memory_owns(const struct memory *memory, uintptr_t hva)
{
	for (unsigned i = 0; i < memory->nr_regions; i++) {
		const struct memory_region *region = &memory->regions[i];

		if (hva >= (uintptr_t)region->hva &&
		    hva - (uintptr_t)region->hva < region->size)
			return true;
	}
	return false;
}
