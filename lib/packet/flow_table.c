// SPDX-License-Identifier: LGPL-2.1-or-later
/* Connections by the addresses of both ends. */
#include "packet/flow_table.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

#define BUCKETS 16384u

struct zc_flow_table {
	uint64_t
		seed; /* random, so that a sender cannot make connections that all land in one bucket */
	struct zc_flow *bucket[BUCKETS];
};

static int compare_ends(const struct zc_frame *f)
{
	int order = memcmp(f->src, f->dst, sizeof(f->src));

	return order ? order : (int)f->sport - (int)f->dport;
}

unsigned zc_flow_key_of(const struct zc_frame *frame, struct zc_flow_key *key)
{
	unsigned from = compare_ends(frame) > 0;

	*key = (struct zc_flow_key){ .version = frame->version,
				     .kind = (uint8_t)frame->kind,
				     .nets = frame->nets };
	memcpy(key->addr[from], frame->src, sizeof(frame->src));
	memcpy(key->addr[!from], frame->dst, sizeof(frame->dst));
	key->port[from] = frame->sport;
	key->port[!from] = frame->dport;
	return from;
}

struct zc_flow_table *zc_flow_table_new(void)
{
	struct zc_flow_table *flows = calloc(1, sizeof(*flows));

	/* Without random numbers the buckets can be guessed, which makes look-ups slow. */
	if (flows && getrandom(&flows->seed, sizeof(flows->seed), GRND_NONBLOCK) < 0)
		flows->seed = zc_now_ns();
	return flows;
}

void zc_flow_table_free(struct zc_flow_table *flows)
{
	free(flows);
}

static unsigned bucket_of(const struct zc_flow_table *flows, const struct zc_flow_key *key)
{
	return (unsigned)(XXH3_64bits_withSeed(key, sizeof(*key), flows->seed) % BUCKETS);
}

struct zc_flow *zc_flow_table_find(const struct zc_flow_table *flows, const struct zc_flow_key *key)
{
	struct zc_flow *flow = flows->bucket[bucket_of(flows, key)];

	while (flow && memcmp(&flow->key, key, sizeof(*key)))
		flow = flow->chain;
	return flow;
}

void zc_flow_table_add(struct zc_flow_table *flows, struct zc_flow *flow)
{
	struct zc_flow **bucket = &flows->bucket[bucket_of(flows, &flow->key)];

	flow->chain = *bucket;
	*bucket = flow;
}

void zc_flow_table_remove(struct zc_flow_table *flows, struct zc_flow *flow)
{
	struct zc_flow **at = &flows->bucket[bucket_of(flows, &flow->key)];

	while (*at && *at != flow)
		at = &(*at)->chain;
	if (*at)
		*at = flow->chain;
}

const char *zc_flow_name(const struct zc_flow_key *key, unsigned end, char *buf, size_t len)
{
	struct sockaddr_storage sa = { .ss_family = key->version == 6 ? AF_INET6 : AF_INET };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&sa;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&sa;
	socklen_t size = key->version == 6 ? sizeof(*v6) : sizeof(*v4);

	if (key->version == 6) {
		memcpy(&v6->sin6_addr, key->addr[end], sizeof(v6->sin6_addr));
		v6->sin6_port = htons(key->port[end]);
	} else {
		memcpy(&v4->sin_addr, key->addr[end], sizeof(v4->sin_addr));
		v4->sin_port = htons(key->port[end]);
	}
	return zc_format_name(&sa, size, buf, len);
}
