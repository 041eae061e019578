// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the answers of a mapping mean: the causes of an EFAULT. */
#include "probe/explain.h"

#include <stdio.h>
#include <string.h>

bool zc_probe_has_efault(const struct zcdma_probe *p, enum zcdma_method method)
{
	return p->method[method].answer == ZCDMA_ANSWER_FAILS && p->method[method].err == EFAULT;
}

static bool pages_efault(const struct zcdma_probe *p)
{
	return zc_probe_has_efault(p, ZCDMA_METHOD_ZEROCOPY) ||
	       zc_probe_has_efault(p, ZCDMA_METHOD_VMSPLICE) ||
	       zc_probe_has_efault(p, ZCDMA_METHOD_DIRECT);
}

static bool copy_efault(const struct zcdma_probe *p)
{
	return zc_probe_has_efault(p, ZCDMA_METHOD_SEND);
}

static bool any_efault(const struct zcdma_probe *p)
{
	return copy_efault(p) || pages_efault(p);
}

static bool registered_efault(const struct zcdma_probe *p)
{
	return zc_probe_has_efault(p, ZCDMA_METHOD_REGISTERED);
}

/* The first that applies counts. Flags explain an EFAULT only where .seen has seen one. */
static const struct cause {
	bool (*seen)(const struct zcdma_probe *p);
	enum zc_owner owner; /* ZC_OWNER_ANY: of every owner */
	const char *flag;    /* of smaps, or NULL: whatever the flags are */
	const char *vma;     /* how its name in smaps begins, or NULL: whatever it is */
	const char *cause, *hint;
} causes[] = {
	/* handle_userfault() in fs/userfaultfd.c; a plain copy meets it too. */
	{ any_efault, ZC_OWNER_ANY, "um", NULL,
	  "userfaultfd: pages that are missing are the program's to fill, and its userfaultfd does not let the kernel wait for one (UFFD_USER_MODE_ONLY, UFFD_FEATURE_SIGBUS)",
	  "touch every page before the kernel reads it" },
	/* check_vma_flags() in mm/gup.c */
	{ pages_efault, ZC_OWNER_ANY, NULL, "/secretmem",
	  "memfd_secret(): its pages are not in the kernel's own mapping, so get_user_pages() refuses them",
	  "send by copying: plain send() or write(); or take memory that is not secret" },
	{ copy_efault, ZC_OWNER_ANY, NULL, NULL,
	  "not even a plain copy can read it all: some of its addresses have no memory, as past the end of a file or in guard pages (MADV_GUARD_INSTALL), or the driver's fault handler refuses them",
	  "map no more than there is" },
	{ pages_efault, ZC_OWNER_ZCDMA, "pf", NULL,
	  "VM_PFNMAP: coherent memory is mapped by bare page frame numbers, as dma_mmap_coherent() does it on most machines; get_user_pages() refuses them",
	  "take another of the driver's memory models: model=compound, pages or scatter; or send by copying: plain send() or write()" },
	{ pages_efault, ZC_OWNER_PCI, "pf", NULL,
	  "VM_PFNMAP: a PCI BAR is the device's own memory, for which the kernel has no struct pages, so get_user_pages() refuses it",
	  "let the device write to main memory by DMA and map that; or send by copying" },
	{ pages_efault, ZC_OWNER_MMIO, "pf", NULL,
	  "VM_PFNMAP: these are registers or other memory of a device (MMIO), or memory that is reserved from the kernel: it has no struct pages for them, so get_user_pages() refuses them",
	  "copy what registers hold, as no driver can map them otherwise; let the device write bulk data to main memory by DMA" },
	{ pages_efault, ZC_OWNER_V4L2, "pf", NULL,
	  "VM_PFNMAP: the driver maps its own buffers by bare page frame numbers, as vb2_dc_mmap() does it; get_user_pages() refuses them",
	  "import a memfd instead: zcdma capture v4l2: does it, through /dev/udmabuf" },
	{ pages_efault, ZC_OWNER_DMABUF, "pf", NULL,
	  "VM_PFNMAP: the dma-buf is mapped by bare page frame numbers; get_user_pages() refuses them",
	  "let the driver import a memfd through /dev/udmabuf, and send from the memfd's own mapping: zcdma capture v4l2: does it" },
	{ pages_efault, ZC_OWNER_ANY, "pf", NULL,
	  "VM_PFNMAP: bare page frame numbers are mapped, as remap_pfn_range() and so dma_mmap_coherent() do it; get_user_pages() refuses them, whether there are struct pages or not",
	  "in the driver, map memory of alloc_pages() with vm_insert_page() or vm_map_pages(), not with remap_pfn_range() or dma_mmap_coherent(); where these are registers (MMIO) and no buffer, nothing but copying helps; as its user, send by copying: plain send() or write()" },
	{ pages_efault, ZC_OWNER_ANY, "io", NULL,
	  "VM_IO: the driver says that this is not ordinary memory, so get_user_pages() refuses it",
	  "in the driver, do not set VM_IO on memory of alloc_pages() that vm_insert_page() or vm_map_pages() mapped; as its user, send by copying: plain send() or write()" },
	{ pages_efault, ZC_OWNER_ANY, NULL, NULL,
	  "no struct pages that may be pinned, though neither VM_PFNMAP nor VM_IO is set",
	  "in the driver, map memory of alloc_pages() with vm_insert_page() or vm_map_pages(); as its user, send by copying: plain send() or write()" },
	/* writable_file_mapping_allowed() in mm/gup.c, from 6.5 on */
	{ registered_efault, ZC_OWNER_ANY, NULL, NULL,
	  "its pages are good, but registering pins them for long and for writing, which the kernel refuses for a file whose filesystem keeps track of what is written",
	  "register anonymous memory, a memfd or a driver's pages" },
};

static bool applies(const struct cause *c, const struct zc_mapping *m, const struct zcdma_probe *p)
{
	return c->seen(p) && (c->owner == ZC_OWNER_ANY || c->owner == m->owner) &&
	       (!c->flag || zc_vmflags_have(p->vmflags, c->flag)) &&
	       (!c->vma || !strncmp(m->vma.name, c->vma, strlen(c->vma)));
}

void zc_probe_explain(const struct zc_mapping *m, struct zcdma_probe *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(causes); i++) {
		if (!applies(&causes[i], m, p))
			continue;
		snprintf(p->cause, sizeof(p->cause), "%s", causes[i].cause);
		snprintf(p->hint, sizeof(p->hint), "%s", causes[i].hint);
		return;
	}
}
