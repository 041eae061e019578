// SPDX-License-Identifier: LGPL-2.1-or-later
/* Where a source of the network listens: what tcp: and udp: share. */
#include "source/endpoint.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/address_options.h"
#include "net/socket.h"
#include "source/options.h"

int zc_endpoint_parse(struct zcdma_source *src, struct zc_endpoint *e, const char *arg, bool udp)
{
	const size_t len = strcspn(arg, ",");
	char *address;
	int rc;

	if (asprintf(&address, "%s%.*s", udp ? "udp:" : "", (int)len, arg) < 0)
		return zc_fail(src->ctx, ENOMEM, "source %s", src->name);
	rc = zcdma_addr_parse(src->ctx, address, &e->addr);
	free(address);
	if (rc)
		return rc;
	rc = zc_source_options_parse(src, arg[len] && !arg[len + 1] ? "," : arg + len + !!arg[len]);
	return rc ? rc : zc_addr_check(src->ctx, &e->addr, ZC_ADDR_RECEIVE, src->name);
}

static void say_where(struct zcdma_source *src, struct zc_endpoint *e)
{
	char name[128];
	size_t len = 0;

	for (unsigned i = 0; i < e->count && len < sizeof(e->where); i++)
		len += (size_t)snprintf(e->where + len, sizeof(e->where) - len, "%s%s",
					i ? ", " : "",
					zcdma_sockname(e->fds[i], false, name, sizeof(name)));
	src->info.listens = e->where;
}

int zc_endpoint_listen(struct zcdma_source *src, struct zc_endpoint *e)
{
	int count = zc_listen_all(src->ctx, &e->addr, e->fds, ZCDMA_LISTEN_MOST);

	if (count < 0)
		return count;
	e->count = (unsigned)count;
	say_where(src, e);
	return 0;
}

void zc_endpoint_close(struct zc_endpoint *e)
{
	while (e->count)
		close(e->fds[--e->count]);
}
