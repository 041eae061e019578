// SPDX-License-Identifier: GPL-2.0-only
/* How values and paragraphs look to a person. */
#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <zcdma/source.h>
#include <zcdma/util.h>

#include "cli/report_text.h"

/* Three significant digits, in the largest of @units (steps of 1000) that leaves at least 1. */
static const char *scale(double value, const char *const units[], char *buf, size_t len)
{
	unsigned unit = 0;

	/* 999.6 would be rounded to 1000 */
	for (; value >= 999.5 && units[unit + 1]; unit++)
		value /= 1000;
	snprintf(buf, len, "%.*f %s",
		 unit == 0 || value >= 99.95 ? 0
		 : value >= 9.995	     ? 1
					     : 2,
		 value, units[unit]);
	return buf;
}

const char *text_seconds(double seconds, char *buf, size_t len)
{
	snprintf(buf, len, "%.*f s", seconds < 10 ? 3 : seconds < 1000 ? 1 : 0, seconds);
	return buf;
}

const char *text_latency(uint64_t ns, char *buf, size_t len)
{
	static const char *const units[] = { "ns", "us", "ms", "s", NULL };

	return scale((double)ns, units, buf, len);
}

const char *text_rate(double bytes_per_second, char *buf, size_t len)
{
	static const char *const units[] = { "B/s", "kB/s", "MB/s", "GB/s", "TB/s", NULL };

	return scale(bytes_per_second, units, buf, len);
}

const char *text_size(uint64_t bytes, char *buf, size_t len)
{
	return bytes == ZCDMA_UNKNOWN ? "unknown" : zcdma_size_format(bytes, buf, len);
}

const char *text_count(uint64_t count, char *buf, size_t len)
{
	if (count == ZCDMA_UNKNOWN)
		return "unknown";
	snprintf(buf, len, "%" PRIu64, count);
	return buf;
}

/* Columns of @len bytes of UTF-8, of which continuation bytes take none. */
static unsigned columns(const char *text, size_t len)
{
	unsigned n = 0;

	while (len--)
		n += (*text++ & 0xc0) != 0x80;
	return n;
}

/* The bytes of the escape sequence at @text, as in "\33[1m". */
static size_t escape_bytes(const char *text)
{
	size_t len = 1 + strcspn(text + 1, "m");

	return len + (text[len] == 'm');
}

size_t text_bytes(const char *text, unsigned columns)
{
	const char *p = text;

	while (*p && (columns || (*p & 0xc0) == 0x80 || *p == 033)) {
		if (*p == 033) {
			p += escape_bytes(p);
			continue;
		}
		columns -= (*p++ & 0xc0) != 0x80;
	}
	return (size_t)(p - text);
}

void text_wrap(FILE *f, const char *text, unsigned indent, unsigned width)
{
	unsigned used = 0, wide;
	size_t len;

	for (; *text; text += len) {
		len = strcspn(text, " \n");
		if (!len) {
			len = 1;
			if (*text == '\n') {
				fprintf(f, "\n%*s", (int)indent, "");
				used = 0;
			}
			continue;
		}
		wide = columns(text, len);
		if (used && indent + used + 1 + wide > width) {
			fprintf(f, "\n%*s", (int)indent, "");
			used = 0;
		}
		if (used)
			wide += fputc(' ', f) == ' ';
		used += wide;
		fwrite(text, 1, len, f);
	}
	fputc('\n', f);
}

unsigned text_width(FILE *f)
{
	struct winsize size;

	if (ioctl(fileno(f), TIOCGWINSZ, &size) || !size.ws_col)
		return 80;
	return size.ws_col;
}

char *text_clean(char *text)
{
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	return text;
}
