/* SPDX-License-Identifier: BSD-2-Clause */
/* The DHCP of the guest's init: what a server sends, laid over a message that is right. */
#include <stdlib.h>
#include <string.h>

#include "guest/init/dhcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct dhcp_client client = { .xid = 1, .mac = { 2, 3, 4, 5, 6, 7 } };

/* An offer with one option more than there must be. */
static size_t write_offer(uint8_t message[DHCP_MAX_MESSAGE])
{
	static const uint8_t options[] = { 53, 1, 2, 54, 4, 10, 0, 2,
					   2,  6, 4, 10, 0, 2,  3, 255 };
	const size_t size = dhcp_write(message, &client, NULL);

	message[0] = 2;
	message[16] = 10;
	memcpy(message + 240, options, sizeof(options));
	return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t message[DHCP_MAX_MESSAGE], *copy;
	size_t end = write_offer(message);
	struct dhcp_lease lease;

	if (size > sizeof(message))
		size = sizeof(message);
	for (size_t i = 0; i < size; i++)
		message[i] ^= data[i];
	if (end < size)
		end = size;
	copy = malloc(end);
	if (!copy)
		return 0;
	memcpy(copy, message, end);
	if (dhcp_read(copy, end, &client, &lease)) {
		if (lease.nr_names > DHCP_MAX_SERVERS ||
		    !memchr(lease.domain, 0, sizeof(lease.domain)) ||
		    strpbrk(lease.domain, "\n /"))
			abort();
		(void)dhcp_write(message, &client, &lease);
	}
	free(copy);
	return 0;
}
