package relayctl

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"accessrelay/internal/secret"
	"accessrelay/internal/sender"
)

type keygenCmd struct {
	Secrets keygenSecretsCmd `cmd:"" help:"The key pair that channel secrets are sealed with."`
	APIKey  keygenAPIKeyCmd  `cmd:"" name:"api-key" help:"A key of the management API, and the hash that the file keeps of it."`
	P0      keygenP0Cmd      `cmd:"" name:"p0" help:"A key pair as P0 has one, to try things out with."`
}

type keygenSecretsCmd struct {
	Out           string `required:"" placeholder:"FILE" help:"Where the identity goes: a new file, mode 0600."`
	RecipientsOut string `placeholder:"FILE" help:"Where the recipient goes besides being printed: a new file, for --secrets-recipients-file."`
}

// Help implements kong.HelpProvider.
func (keygenSecretsCmd) Help() string {
	return `The identity opens what the API has sealed: it is for workers alone (--secrets-identity-file). The
recipient, which is printed, only seals: it is for ingest (--secrets-recipients, or a line of
--secrets-recipients-file).

Example:

    relayctl keygen secrets --out worker/identity.txt --recipients-out etc/secrets-recipients`
}

// Run writes the identity and prints the recipient.
func (c *keygenSecretsCmd) Run(t *Terminal) error {
	identity, recipient, err := secret.GenerateIdentity()
	if err != nil {
		return err
	}
	if err := createFile("out", c.Out, 0o600, identity); err != nil {
		return err
	}
	if c.RecipientsOut != "" {
		if err := createFile("recipients-out", c.RecipientsOut, 0o644, []byte(recipient+"\n")); err != nil {
			return errors.Join(err, os.Remove(c.Out)) // an identity without its recipient would be in the way of the next try
		}
	}
	fmt.Fprintln(t.Out, recipient)
	return nil
}

type keygenAPIKeyCmd struct{}

// Help implements kong.HelpProvider.
func (keygenAPIKeyCmd) Help() string {
	return `The key goes to the caller of the API, who sends it as X-API-Key. It is shown once and stored nowhere.
The sha256 goes into the file, under api_keys of a tenant.

Example:

    relayctl keygen api-key`
}

// Run prints a key and its hash.
func (keygenAPIKeyCmd) Run(t *Terminal) error {
	key, sum, err := secret.NewAPIKey()
	if err != nil {
		return err
	}
	fmt.Fprintf(t.Out, "key: %s\nsha256: %s\n", key, sum)
	return nil
}

type keygenP0Cmd struct {
	Private string `required:"" placeholder:"FILE" help:"Where the private key goes: a new file, mode 0600."`
	Public  string `required:"" placeholder:"FILE" help:"Where the public key goes: a new file."`
}

// Help implements kong.HelpProvider.
func (keygenP0Cmd) Help() string {
	return `P0 makes its own key pair and shows you the public key. This pair (ES384) stands in for it: the public
key for a source's key_file, the private one for relayctl send.

Example:

    relayctl keygen p0 --private p0-private.pem --public p0-public.pem
    relayctl send --url http://127.0.0.1:8080/v1/hooks/acme-p0 --key-file p0-private.pem`
}

// Run writes both keys.
func (c *keygenP0Cmd) Run(t *Terminal) error {
	private, err := sender.NewP0Key()
	if err != nil {
		return err
	}
	signer, err := sender.NewSigner(private)
	if err != nil {
		return err
	}
	public, err := signer.PublicPEM()
	if err != nil {
		return err
	}
	if err := createFile("private", c.Private, 0o600, private); err != nil {
		return err
	}
	if err := createFile("public", c.Public, 0o644, public); err != nil {
		_ = os.Remove(c.Private) // half a pair is of no use, and would be in the way of the next try
		return err
	}
	fmt.Fprintf(t.Out, "private key: %s\npublic key: %s\n", c.Private, c.Public)
	return nil
}

// createFile writes a file that is not there yet. What is there may be the
// only copy of a key.
func createFile(flag, path string, mode fs.FileMode, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("--%s: %s: exists already, and is not overwritten", flag, path)
	}
	if err != nil {
		return fmt.Errorf("--%s: %w", flag, shortPath(err))
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		_ = os.Remove(path) // half a key
		return fmt.Errorf("--%s: %w", flag, shortPath(err))
	}
	return nil
}
