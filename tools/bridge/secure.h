/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How the bridge and the server prove to each other who they are: TLS, and secrets.  These come
 * from files only, since other users of the machine can see the arguments of a process.
 */
#ifndef BRIDGE_SECURE_H
#define BRIDGE_SECURE_H

#include <nats/nats.h>
#include <stdbool.h>

#define SECURE_WHY_BYTES 512

/**
 * struct secure - files; each may be NULL
 * @creds: a JWT and the seed of a user's nkey, as nsc writes them
 * @nkey_file: the seed of an nkey, and on another line its public key, as nk writes them
 * @token_file: a token
 * @user_file: the name of a user, and on the second line the password
 * @tls_ca: certificates of the authorities that are trusted, in place of the system's
 * @tls_cert: certificate of this client, and those between it and the authority
 * @tls_key: private key of @tls_cert
 */
struct secure {
	const char *creds;
	const char *nkey_file;
	const char *token_file;
	const char *user_file;
	const char *tls_ca;
	const char *tls_cert;
	const char *tls_key;
};

/* Return NULL, or why the files do not go together. */
const char *secure_conflict(const struct secure *x);

/*
 * Read all files once, so that a wrong one is found before the first connection.  Call this before
 * a thread is started, since it changes the environment.
 * @servers: the list of URLs
 * Return false and set @why if a file cannot be used.
 */
bool secure_begin(const struct secure *x, const char *servers, char why[SECURE_WHY_BYTES]);

/*
 * Set the options of a connection, for which the files are read again: they may have changed.
 * @why: [out] what is wrong with a file, else empty
 */
natsStatus secure_set(const struct secure *x, const char *servers, natsOptions *o,
		      char why[SECURE_WHY_BYTES]);

#endif /* BRIDGE_SECURE_H */
