/* SPDX-License-Identifier: BSD-2-Clause */
/* What stands in for user.c in a build without libslirp. */
#include "net/net.h"

struct net_backend *net_open_user(const struct config_net *net, struct loop *loop,
				  struct err *err)
{
	(void)net;
	(void)loop;
	err_set(err, "-n user: this tane was built without libslirp, as any static one "
		     "is; use -n tap, or one that is not static and was built with "
		     "libslirp-dev installed");
	return NULL;
}
