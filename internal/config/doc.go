// Package config reads what operators write: the settings of a process (flags,
// and environment variables behind them) and the file accessrelay.yaml. The
// result is plain structs, completely checked; an error is one line that names
// the key and what is wrong with it, and shows no secret.
package config
