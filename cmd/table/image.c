/* SPDX-License-Identifier: MIT */
/* Images: commands and options. */
#include "cmd/table/table_rows.h"

static const struct opt_spec pull_opts[] = {
	{"platform", 0, OPT_STRING, FETCH(platform), "OS/ARCH",
		"the platform to take from a list (default linux/amd64)", COMPLETE_PLATFORM},
	{"tls-verify", 0, OPT_CHOICE, FETCH(tls_verify), "BOOL", "false: do not check the registry's certificate",
		COMPLETE_WORDS, "true false"},
	{"quiet", 'q', OPT_FLAG, FETCH(quiet), NULL, "show no progress"},
	{"disable-content-trust", 0, OPT_FLAG, FETCH(ignored), NULL, "accepted: there is none", .hidden = true},
	{"all-tags", 'a', OPT_REFUSED, 0, NULL, "name the tags that are wanted", .hidden = true},
};

static const struct opt_spec load_opts[] = {
	{"input", 'i', OPT_STRING, FETCH(input), "FILE", "the archive or directory, as in docker load -i",
		COMPLETE_FILE},
	{"quiet", 'q', OPT_FLAG, FETCH(quiet), NULL, "show no progress"},
};

#define IMAGES(field) offsetof(struct images_options, field)

static const struct opt_spec images_opts[] = {
	{"filter", 'f', OPT_LIST, IMAGES(filters), "NAME=VALUE", "only some: " IMAGE_FILTERS, COMPLETE_FILTER, IMAGE_FILTERS},
	{"format", 0, OPT_STRING, IMAGES(format), "FORMAT", "table (default), json, or a template: '{{.Repository}} {{.Size}}'",
		COMPLETE_FREE},
	{"quiet", 'q', OPT_FLAG, IMAGES(quiet), NULL, "print image IDs only"},
	{"no-trunc", 0, OPT_FLAG, IMAGES(no_trunc), NULL, "print whole image IDs"},
	{"digests", 0, OPT_FLAG, IMAGES(digests), NULL, "show the digests of manifests"},
	{"all", 'a', OPT_FLAG, IMAGES(all), NULL, "accepted: all images are always listed", .hidden = true},
};

static const struct opt_spec rmi_opts[] = {
	{"force", 'f', OPT_FLAG, LIST(force), NULL, "remove the name of one that sandboxes use; what is not there is no failure"},
};

static const struct opt_spec prune_opts[] = {
	{"force", 'f', OPT_FLAG, LIST(force), NULL, "accepted: picket prune asks nothing", .hidden = true},
	{"all", 'a', OPT_FLAG, LIST(all), NULL, "forget every image first that no sandbox uses"},
};

#define SAVE(field) offsetof(struct save_options, field)
#define IMPORT(field) offsetof(struct import_options, field)
#define HISTORY(field) offsetof(struct history_options, field)

static const struct opt_spec save_opts[] = {
	{"output", 'o', OPT_STRING, SAVE(output), "FILE", "write to FILE instead of standard output", COMPLETE_FILE},
};

static const struct opt_spec import_opts[] = {
	{"change", 'c', OPT_LIST, IMPORT(changes), "INSTRUCTION",
		"set the image's configuration: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME, WORKDIR", COMPLETE_FREE},
	{"message", 'm', OPT_STRING, IMPORT(message), "TEXT", "a comment, shown by picket history", COMPLETE_FREE},
};

static const struct opt_spec history_opts[] = {
	{"format", 0, OPT_STRING, HISTORY(format), "FORMAT", "table, json, or a template", COMPLETE_TEMPLATE},
	{"no-trunc", 0, OPT_FLAG, HISTORY(no_trunc), NULL, "print whole IDs and commands"},
	{"quiet", 'q', OPT_FLAG, HISTORY(quiet), NULL, "print IDs only"},
};

static const struct cmd_spec commands[] = {
	{"pull", "[OPTIONS] NAME[:TAG|@DIGEST]", "fetch an image from a registry",
		"Names are docker's: busybox is docker.io/library/busybox:latest; minikube:NAME is an image that Minikube has. Credentials are those of docker "
		"login or podman login (~/.docker/config.json). Layers that are there already are not fetched again.",
		OPTS(pull_opts, fetch_options), 1, 1, .complete = COMPLETE_IMAGE, .failure = EXIT_FAILED,
		.run = cmd_pull,
		.examples = "pull alpine # docker.io/library/alpine:latest\n"
			    "pull minikube:app:2 # what the active profile of Minikube has\n"
			    "pull 127.0.0.1:5000/app:2 # from a registry of your own"},
	{"load", "[OPTIONS] [FILE|DIR|-]", "take images from an archive or a directory",
		"Reads what docker save and podman save write, and OCI layouts as a directory or a tar archive. "
		"Without an argument, and with -, from standard input.",
		OPTS(load_opts, fetch_options), 0, 1, .complete = COMPLETE_FILE, .failure = EXIT_FAILED,
		.run = cmd_load,
		.examples = "load image.tar # what docker save or podman save wrote\n"
			    "load <image.tar.zst # compressed, from standard input"},
	{"images", "[OPTIONS] [NAME]", "list the images in the store", NULL, OPTS(images_opts, images_options), 0, 1,
		.complete = COMPLETE_IMAGE, .failure = EXIT_FAILED, .run = cmd_images,
		.examples = "images # all\n"
			    "images -q alpine # the IDs of one repository's images\n"
			    "images --filter 'reference=al*' --format '{{.ID}} {{.Repository}}:{{.Tag}}'"},
	{"rmi", "[OPTIONS] IMAGE…", "remove images",
		"Forgets the names and frees what no other image and no running sandbox uses.",
		OPTS(rmi_opts, list_options), 1, -1, .complete = COMPLETE_IMAGE, .failure = EXIT_FAILED, .run = cmd_rmi,
		.examples = "rmi alpine busybox:1.36 # forget two images"},
	{"save", "[OPTIONS] IMAGE…", "write images to an archive",
		"The archive is one that docker load, podman load, skopeo and picket load read. The store keeps what layers "
		"hold, not the bytes they came in: the layers of the archive are made anew, and the image has another ID "
		"where it is loaded.",
		OPTS(save_opts, save_options), 1, -1, .complete = COMPLETE_IMAGE, .failure = EXIT_FAILED, .run = cmd_save,
		.examples = "save -o alpine.tar alpine # for another machine\n"
			    "save alpine | docker load # to docker"},
	{"import", "[OPTIONS] FILE|- [NAME[:TAG]]", "make an image of a tree's archive",
		"The archive is what picket export and docker export write: a tree, not an image, and not compressed. It becomes "
		"an image of one layer, which has no command unless --change gives one.",
		OPTS(import_opts, import_options), 1, 2, .complete = COMPLETE_FILE, .then = COMPLETE_FREE,
		.failure = EXIT_FAILED, .run = cmd_import,
		.examples = "import tree.tar mine:1 # from a file\n"
			    "import -c 'CMD [\"sh\"]' - mine:1 # from standard input, with a command"},
	{"tag", "IMAGE NAME[:TAG]", "give an image another name", NULL, NO_OPTS, 2, 2, .complete = COMPLETE_IMAGE,
		.then = COMPLETE_FREE, .failure = EXIT_FAILED, .run = cmd_tag,
		.examples = "tag alpine mine:1 # both names mean the image now"},
	{"history", "[OPTIONS] IMAGE", "show how an image was made", NULL, OPTS(history_opts, history_options), 1, 1,
		.complete = COMPLETE_IMAGE, .failure = EXIT_FAILED, .run = cmd_history,
		.examples = "history alpine # newest first"},
	{"mount", "IMAGE [DIR]", "show an image as a directory",
		"Mounts the image's tree, read only, on DIR, which must exist and be empty, or on a new directory; "
		"prints the directory.",
		NO_OPTS, 1, 2, .complete = COMPLETE_IMAGE, .then = COMPLETE_DIR, .failure = EXIT_FAILED,
		.run = cmd_mount,
		.examples = "mount alpine # on a new directory, which is printed\n"
			    "mount alpine /tmp/a # on a directory of yours"},
	{"umount", "DIR|IMAGE…", "end a picket mount", NULL, NO_OPTS, 1, -1, .complete = COMPLETE_MOUNTED,
		.failure = EXIT_FAILED, .run = cmd_umount,
		.examples = "umount /tmp/a # by directory\n"
			    "umount alpine # by image"},
	{"prune", "[OPTIONS]", "free what no image uses any more", NULL, OPTS(prune_opts, list_options), 0, 0,
		.failure = EXIT_FAILED, .run = cmd_prune,
		.examples = "prune # what no image uses any more\n"
			    "prune -a # the whole store"},
	{"verify", "", "check every byte of the store", NULL, NO_OPTS, 0, 0, .failure = EXIT_FAILED, .run = cmd_verify,
		.examples = "verify # prints what is damaged"},
};

static const struct cmd_alias aliases[] = {
	{"image", "ls", "images"},
	{"image", "list", "images"},
	{"image", "pull", "pull"},
	{"image", "load", "load"},
	{"image", "save", "save"},
	{"image", "tag", "tag"},
	{"image", "import", "import"},
	{"image", "history", "history"},
	{"image", "rm", "rmi"},
	{"image", "inspect", "inspect", "--type=image"},
	{"image", "mount", "mount"},
	{"image", "umount", "umount"},
	{"image", "unmount", "umount"},
	{NULL, "unmount", "umount"},
};

const struct cmd_group image_group = {commands, COUNT(commands), aliases, COUNT(aliases)};
