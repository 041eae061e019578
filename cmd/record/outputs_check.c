// SPDX-License-Identifier: GPL-2.0-only
/* The outputs of a capture, as the options name them, and whether they go together. */
#include "record/outputs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/live.h"
#include "cli/place.h"
#include "cli/status.h"
#include "cli/xalloc.h"
#include "record/name.h"

/* Standard output has several names. */
static const char *output_name(const struct outputs *o, const char *given)
{
	const bool named = given && strcmp(given, "-");

	/* O_DIRECT is not set on what others write to as well: its name is opened anew. */
	return named && (o->options.direct || !record_is_stdout(given)) ? given : NULL;
}

static const char *manifest_name(const char *given)
{
	return given && !strcmp(given, "-") ? "/dev/stdout" : given;
}

static bool add(struct outputs *o, struct report *r, const char *output, const char *manifest)
{
	if (o->count == FANOUT_MOST)
		return report_error(r, STATUS_ERROR, NULL, "-o %s: at most %u are possible", output,
				    FANOUT_MOST) == STATUS_OK;
	recording_init(&o->output[o->count++], &o->options, output_name(o, output),
		       manifest_name(manifest));
	return true;
}

bool outputs_add(struct outputs *o, struct report *r, const char *const outputs[],
		 const char *const manifests[])
{
	static const char *const none[] = { NULL }, *const standard_output[] = { "-", NULL };
	const char *const *manifest = manifests ? manifests : none;

	if (!outputs)
		outputs = standard_output;
	for (; *outputs; outputs++) {
		if (!add(o, r, *outputs, *manifest))
			return false;
		manifest += *manifest != NULL;
	}
	if (!*manifest)
		return true;
	report_error(r, STATUS_ERROR, "the first --manifest is for the first -o, and so on",
		     "--manifest %s: there is no -o for it", *manifest);
	return false;
}

bool outputs_use_stdout(const struct outputs *o)
{
	for (unsigned i = 0; i < o->count; i++) {
		const struct recording *rec = &o->output[i];

		if (!rec->output || record_is_stdout(rec->output) ||
		    (rec->manifest && record_is_stdout(rec->manifest)))
			return true;
	}
	return false;
}

static const char *split_option(const struct outputs *o)
{
	return o->trigger.on ? "--trigger" : "--split";
}

/* Check one name where files are split. */
static int check_number(const struct outputs *o, struct report *r, const char *option,
			const char *pattern)
{
	if (!pattern || name_has_number(pattern))
		return STATUS_OK;
	return report_error(r, STATUS_ERROR, "put %N into the name, as in run-%N.bin",
			    "%s %s: %s needs a place for the number of a file in it", option,
			    pattern, split_option(o));
}

/* Check that what is split has names for that: one output at least, with a trigger each, and their manifests. */
static int check_split(const struct outputs *o, struct report *r)
{
	const struct recording *rec = NULL;
	unsigned split = 0;
	int status = STATUS_OK;

	for (unsigned i = 0; !status && i < o->count; i++) {
		split += o->output[i].is_split;
		if (o->output[i].is_split)
			status = check_number(o, r, "--manifest", o->output[i].manifest);
		else if (!rec)
			rec = &o->output[i];
	}
	if (status || !rec || (split && !o->trigger.on))
		return status;
	if (!rec->output)
		return report_error(r, STATUS_ERROR, NULL, "%s needs files: -o FILE",
				    split_option(o));
	return check_number(o, r, "-o", rec->output);
}

static bool is_named(const struct recording *rec)
{
	return rec->output;
}

static bool is_named_file(const struct recording *rec)
{
	return rec->output && recording_is_file(rec);
}

/* What a run writes to, by the options. */
struct named {
	const char *option, *name; /* NULL: standard output */
	struct place place;
	bool known;    /* .place is */
	bool discards; /* what is there keeps no data, as /dev/null */
};

/* Data, manifest and metadata of each output, and the metrics. */
#define NAMED_MOST (3 * FANOUT_MOST + 1)

struct named_list {
	struct named name[NAMED_MOST];
	unsigned count;
};

static bool is_same_name(const struct named *a, const struct named *b)
{
	return a->name && b->name ? !strcmp(a->name, b->name) : a->name == b->name;
}

/* Check that what is written to @named goes to no other one's file. Returns 0, or an exit status after a reported error. */
static int check_apart(struct report *r, const struct named *named, const struct named *other)
{
	const bool outputs = !strcmp(named->option, other->option);

	if (!outputs && named->discards)
		return STATUS_OK;
	if (named->known && other->known ? !place_is_same(&named->place, &other->place)
					 : !is_same_name(named, other))
		return STATUS_OK;
	if (outputs && is_same_name(named, other))
		return report_error(r, STATUS_ERROR, "name each output once",
				    "%s %s: it is named twice", named->option, named->name ?: "-");
	return report_error(r, STATUS_ERROR,
			    outputs ? "name each output once" : "name another file",
			    "%s %s: it is the same as %s%s%s", named->option, named->name ?: "-",
			    other->name ? other->option : "", other->name ? " " : "",
			    other->name ?: "standard output");
}

/* Add a name, and check it against those before. Returns likewise. */
static int add_name(struct named_list *list, struct report *r, const char *option, const char *name)
{
	struct named *named = &list->name[list->count++];
	int status = STATUS_OK;

	*named = (struct named){ .option = option, .name = name };
	named->known = place_find(name, &named->place);
	named->discards = !named->known && name && !access(name, F_OK);
	for (unsigned i = 0; !status && i + 1 < list->count; i++)
		status = check_apart(r, named, &list->name[i]);
	return status;
}

/* Check that nothing that is written is written over something else. Returns likewise. */
static int check_names(const struct outputs *o, struct report *r)
{
	struct named_list *list = xalloc(calloc(1, sizeof(*list))); /* much for a stack */
	char *sigmf[FANOUT_MOST] = { NULL };
	int status = STATUS_OK;

	for (unsigned i = 0; !status && i < o->count; i++)
		status = add_name(list, r, "-o", o->output[i].output);
	for (unsigned i = 0; !status && i < o->count; i++) {
		const struct recording *rec = &o->output[i];

		if (rec->manifest)
			status = add_name(list, r, "--manifest", rec->manifest);
		if (status || !*o->options.sigmf.type || !is_named_file(rec))
			continue;
		sigmf[i] = sigmf_name(rec->output);
		status = add_name(list, r, "--sigmf", sigmf[i]);
	}
	if (!status && live_file())
		status = add_name(list, r, "--metrics", live_file());
	for (unsigned i = 0; i < o->count; i++)
		free(sigmf[i]);
	free(list);
	return status;
}

/* Returns the number of outputs that @is applies to. */
static unsigned count_of(const struct outputs *o, bool (*is)(const struct recording *))
{
	unsigned count = 0;

	for (unsigned i = 0; i < o->count; i++)
		count += is(&o->output[i]);
	return count;
}

int outputs_check(const struct outputs *o, struct report *r)
{
	const struct recording_options *options = &o->options;
	int status;

	if (options->direct && !count_of(o, recording_is_direct))
		return report_error(r, STATUS_ERROR, NULL, "--direct needs a file: -o FILE");
	if (options->finish.command && !count_of(o, is_named))
		return report_error(r, STATUS_ERROR, NULL, "--then needs a file: -o FILE");
	if (*options->sigmf.type && !count_of(o, is_named_file))
		return report_error(r, STATUS_ERROR, NULL, "--sigmf needs a file: -o FILE");
	if (!options->splits && options->finish.keep)
		return report_error(r, STATUS_ERROR, "add --split, as in --split=4G",
				    "--keep: one file is written, and kept");
	status = check_names(o, r);
	return status || !options->splits ? status : check_split(o, r);
}

void outputs_get_setup(const struct outputs *o, struct setup *s)
{
	for (unsigned i = 0; i < o->count; i++) {
		const struct recording *rec = &o->output[i];

		s->hands_over |= !rec->output || recording_is_pipe(rec);
		s->to_file |= recording_is_file(rec);
		s->reads_data |= rec->manifest != NULL;
		if (rec->manifest || *o->options.sigmf.type)
			s->describes = rec->manifest ? "--manifest" : "--sigmf";
		s->splits |= rec->is_split;
	}
	s->to_pipe = o->count == 1 && recording_is_pipe(&o->output[0]);
}
