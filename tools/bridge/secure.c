// SPDX-License-Identifier: GPL-2.0
/* See secure.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "secure.h"
#include "servers.h"

#define LINE_BYTES 4096

/* ---- files ---------------------------------------------------------------------- */

static bool set_why(char why[SECURE_WHY_BYTES], const char *path, const char *text)
{
	snprintf(why, SECURE_WHY_BYTES, "%s: %s", path, text);
	return false;
}

/*
 * Return whether only the owner and root can use the file.  Of a file of another user, such as
 * root, a group may read it: that is how systemd passes credentials.
 */
static bool is_private(const struct stat *st)
{
	return !(st->st_mode & (st->st_uid == geteuid() ? 077 : 007));
}

/* Open @path.  Return NULL after setting @why. */
static FILE *open_file(const char *path, bool is_secret, char why[SECURE_WHY_BYTES])
{
	FILE *f = fopen(path, "re");
	struct stat st;

	if (!f || fstat(fileno(f), &st)) {
		set_why(why, path, strerror(errno));
	} else if (is_secret && !is_private(&st)) {
		set_why(why, path, "other users can read or write this secret; chmod 600 it");
	} else {
		return f;
	}
	if (f)
		fclose(f);
	return NULL;
}

/* Return true if @path is NULL, or can be read and, if it is a secret, only by its owner. */
static bool is_usable(const char *path, bool is_secret, char why[SECURE_WHY_BYTES])
{
	FILE *f = path ? open_file(path, is_secret, why) : NULL;

	if (f)
		fclose(f);
	return f || !path;
}

/* Read a line of a file without its end.  Return false if there is none, or none but an end. */
static bool read_line(FILE *f, char line[LINE_BYTES])
{
	if (!fgets(line, LINE_BYTES, f))
		return false;
	line[strcspn(line, "\r\n")] = '\0';
	return *line;
}

/* ---- users ------------------------------------------------------------------------ */

static natsStatus set_token(const char *path, natsOptions *o, char why[SECURE_WHY_BYTES])
{
	FILE *f = open_file(path, true, why);
	natsStatus s = NATS_INVALID_ARG;
	char token[LINE_BYTES];

	if (!f)
		return s;
	if (read_line(f, token))
		s = natsOptions_SetToken(o, token);
	else
		set_why(why, path, "the first line has no token");
	explicit_bzero(token, sizeof(token));
	fclose(f);
	return s;
}

static natsStatus set_user(const char *path, natsOptions *o, char why[SECURE_WHY_BYTES])
{
	FILE *f = open_file(path, true, why);
	char user[LINE_BYTES], password[LINE_BYTES];
	natsStatus s = NATS_INVALID_ARG;

	if (!f)
		return s;
	if (read_line(f, user) && read_line(f, password))
		s = natsOptions_SetUserInfo(o, user, password);
	else
		set_why(why, path, "the first two lines are not a user and a password");
	explicit_bzero(password, sizeof(password));
	fclose(f);
	return s;
}

/* The public key is the line that begins with U; libnats looks for the seed, which has SU. */
static natsStatus set_nkey(const char *path, natsOptions *o, char why[SECURE_WHY_BYTES])
{
	FILE *f = open_file(path, true, why);
	natsStatus s = NATS_INVALID_ARG;
	char line[LINE_BYTES] = "";
	bool found = false;

	if (!f)
		return s;
	while (!found && fgets(line, sizeof(line), f))
		found = *line == 'U';
	fclose(f);
	line[strcspn(line, "\r\n")] = '\0';
	if (found)
		s = natsOptions_SetNKeyFromSeed(o, line, path);
	else
		set_why(why, path, "no line has the public key, as nk -gen user -pubout prints it");
	explicit_bzero(line, sizeof(line));
	return s;
}

static natsStatus set_creds(const char *path, natsOptions *o, char why[SECURE_WHY_BYTES])
{
	if (!is_usable(path, true, why))
		return NATS_INVALID_ARG;
	return natsOptions_SetUserCredentialsFromFiles(o, path, NULL);
}

/* ---- all ----------------------------------------------------------------------------- */

static bool wants_tls(const struct secure *x, const char *servers)
{
	return servers_want_tls(servers) || x->tls_ca || x->tls_cert;
}

/*
 * The certificate and the name of the host are checked by libnats, whose default this is; a test
 * shows that it does.
 */
static natsStatus set_tls(const struct secure *x, natsOptions *o, char why[SECURE_WHY_BYTES])
{
	natsStatus s = natsOptions_SetSecure(o, true);

	if (!is_usable(x->tls_ca, false, why) || !is_usable(x->tls_cert, false, why) ||
	    !is_usable(x->tls_key, true, why))
		return NATS_INVALID_ARG;
	if (s == NATS_OK && x->tls_ca)
		s = natsOptions_LoadCATrustedCertificates(o, x->tls_ca);
	if (s == NATS_OK && x->tls_cert)
		s = natsOptions_LoadCertificatesChain(o, x->tls_cert, x->tls_key);
	return s;
}

const char *secure_conflict(const struct secure *x)
{
	if (!!x->creds + !!x->nkey_file + !!x->token_file + !!x->user_file > 1)
		return "give one of --creds, --nkey-file, --token-file, --user-file";
	if (!x->tls_cert != !x->tls_key)
		return "give both --tls-cert and --tls-key, or none of them";
	return NULL;
}

natsStatus secure_set(const struct secure *x, const char *servers, natsOptions *o,
		      char why[SECURE_WHY_BYTES])
{
	natsStatus s = NATS_OK;

	*why = '\0';
	if (wants_tls(x, servers))
		s = set_tls(x, o, why);
	if (s == NATS_OK && x->creds)
		s = set_creds(x->creds, o, why);
	if (s == NATS_OK && x->nkey_file)
		s = set_nkey(x->nkey_file, o, why);
	if (s == NATS_OK && x->token_file)
		s = set_token(x->token_file, o, why);
	if (s == NATS_OK && x->user_file)
		s = set_user(x->user_file, o, why);
	if (s != NATS_OK && !*why)
		snprintf(why, SECURE_WHY_BYTES, "%s", nats_GetLastError(NULL));
	return s;
}

/*
 * Beside the authorities of --tls-ca libnats trusts the system's, which OpenSSL looks for in the
 * places that these variables name.
 */
static void trust_only(const char *path)
{
	setenv("SSL_CERT_FILE", path, 1);
	setenv("SSL_CERT_DIR", "/dev/null", 1);
}

bool secure_begin(const struct secure *x, const char *servers, char why[SECURE_WHY_BYTES])
{
	natsOptions *o = NULL;
	natsStatus s;

	if (x->tls_ca)
		trust_only(x->tls_ca);
	s = natsOptions_Create(&o);
	if (s == NATS_OK)
		s = secure_set(x, servers, o, why);
	else
		snprintf(why, SECURE_WHY_BYTES, "%s", natsStatus_GetText(s));
	natsOptions_Destroy(o);
	return s == NATS_OK;
}
