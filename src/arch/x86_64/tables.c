/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the ACPI tables and the MP table share: the area they lie in, which is
 * filled from its beginning, addresses and checksums, and the ID of the I/O APIC.
 */
#include <string.h>

#include "arch/x86_64/tables.h"
#include "util/bytes.h"

void *tables_take(struct tables_area *area, size_t size, size_t alignment,
		  const char *what, struct err *err)
{
	uint64_t offset = align_up(area->gpa + area->used, alignment) - area->gpa;
	void *table;

	if (!range_within(offset, size, area->size)) {
		err_set(err,
			"no room for the %s: it takes %zu bytes, and %zu of the %zu bytes for "
			"firmware tables are used; use fewer CPUs",
			what, size, area->used, area->size);
		return NULL;
	}
	table = area->data + offset;
	memset(table, 0, size);
	area->used = (size_t)offset + size;
	return table;
}

uint32_t tables_gpa(const struct tables_area *area, const void *p)
{
	return (uint32_t)(area->gpa + (uint64_t)((const uint8_t *)p - area->data));
}

uint8_t tables_checksum(const void *table, size_t size)
{
	const uint8_t *bytes = table;
	uint8_t sum = 0;
	size_t i;

	for (i = 0; i < size; i++)
		sum = (uint8_t)(sum + bytes[i]);
	return (uint8_t)-sum;
}

void tables_point(struct tables_area *area, void *field, uint8_t size,
		  const struct tables_area *to, const void *target)
{
	const uint64_t gpa = tables_gpa(to, target);

	memcpy(field, &gpa, size);
	if (area->loader)
		table_loader_add_pointer(area->loader, area->file,
					 tables_gpa(area, field), size, to->file);
}

void tables_seal(struct tables_area *area, uint8_t *checksum, const void *table,
		 size_t size)
{
	*checksum = 0;
	if (area->loader)
		table_loader_add_checksum(area->loader, area->file,
					  tables_gpa(area, checksum),
					  tables_gpa(area, table), (uint32_t)size);
	else
		*checksum = tables_checksum(table, size);
}

uint8_t tables_ioapic_id(const struct tables_config *config)
{
	return config->nr_cpus < 255 ? (uint8_t)config->nr_cpus : 0;
}
