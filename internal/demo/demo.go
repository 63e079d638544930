// Package demo prepares a relay to try out: one tenant, a source of every
// platform, a channel of every type pointing at an inbox, and all keys. It
// plays both sides, so it also holds what a platform and an API's caller hold.
package demo

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"accessrelay/internal/secret"
	"accessrelay/internal/sender"
)

// TenantID is that of the demo's one tenant. It is no secret, so it is fixed:
// what was copied from one run works in the next.
const TenantID = "8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11"

// TokenTTL is how long the token in a printed command is good for.
const TokenTTL = 24 * time.Hour

// The names of what the file has. The inbox's paths are those of its channels.
const (
	P0Source    = "demo-p0"
	AponoSource = "demo-apono"
	slackPath   = "/slack/demo"
	mailTo      = "demo@example.com" // the inbox shows it at /email/demo
	webhookPath = "/webhook/demo"
	snsPath     = "/sns/demo"
)

// The files, as deploy/README.md lists them.
const (
	configName        = "accessrelay.yaml"
	publicName        = "p0-public.pem"
	recipientsName    = "secrets-recipients"
	identityName      = "identity.txt"
	signingSecretName = "webhook-signing-secret"
	privateName       = "p0-private.pem"
	apiKeyName        = "api-key"
	secretSuffix      = ".secret" // after a platform's name
)

// Plan says where a demo is to be. The folders may be one.
type Plan struct {
	ConfigDir string // what both programs read
	IngestDir string // what ingest alone reads; empty: ConfigDir
	WorkerDir string // what workers alone read
	SenderDir string // what a platform and the API's caller hold
	InboxURL  string // http://host:port of the inbox that the channels deliver to
	MailAddr  string // host:port of its mail listener
}

// Demo is a demo that stands.
type Demo struct {
	ConfigFile    string
	IdentityFile  string
	P0KeyFile     string // the private key
	Recipient     string // age1…
	APIKey        secret.String
	SigningSecret secret.String // of the webhook channel: whsec_…
	p0            *sender.Signer
}

// What a plan's InboxURL and MailAddr can be refused with.
var (
	ErrInboxURL = errors.New("not a URL such as http://127.0.0.1:8083")
	ErrMailAddr = errors.New("not an address such as 127.0.0.1:8084")
)

// Prepare makes what is missing of a demo and leaves what it finds, so it can
// be run again, also after it was cut off half-way. Its errors are [ErrInboxURL] and
// [ErrMailAddr], or name the file.
func Prepare(p Plan) (*Demo, error) {
	u, err := url.Parse(p.InboxURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, ErrInboxURL
	}
	mailHost, mailPort, err := net.SplitHostPort(p.MailAddr)
	if err != nil || mailHost == "" || !validPort(mailPort) {
		return nil, ErrMailAddr
	}
	config, err := filepath.Abs(p.ConfigDir)
	if err != nil {
		return nil, err
	}
	worker, err := filepath.Abs(p.WorkerDir)
	if err != nil {
		return nil, err
	}
	sender, err := filepath.Abs(p.SenderDir)
	if err != nil {
		return nil, err
	}
	ingest, closed := config, []string{worker, sender}
	if p.IngestDir != "" {
		if ingest, err = filepath.Abs(p.IngestDir); err != nil {
			return nil, err
		}
		closed = append(closed, ingest)
	}
	d := &Demo{ConfigFile: filepath.Join(config, configName), IdentityFile: filepath.Join(worker, identityName), P0KeyFile: filepath.Join(sender, privateName)}
	if err := folders(config, closed...); err != nil {
		return nil, err
	}
	if err := d.senderKeys(config, filepath.Join(sender, apiKeyName)); err != nil {
		return nil, err
	}
	if err := d.sealing(config); err != nil {
		return nil, err
	}
	signing := filepath.Join(worker, signingSecretName)
	s, err := ensure(signing, modePrivate, newSigningSecret)
	if err != nil {
		return nil, err
	}
	d.SigningSecret = secret.New(strings.TrimSpace(string(s)))
	sources, err := sources(ingest)
	if err != nil {
		return nil, err
	}
	inbox := strings.TrimRight(p.InboxURL, "/")
	file := fileData{
		TenantID: TenantID, KeySHA256: secret.HashAPIKey(d.APIKey.Reveal()), Sources: sources,
		SlackURL: inbox + slackPath, WebhookURL: inbox + webhookPath, SigningSecretFile: signing,
		SNSEndpoint: inbox + snsPath, MailHost: mailHost, MailPort: mailPort, MailTo: mailTo,
	}
	// Last: once it is there, all that it names is there.
	if _, err := ensure(d.ConfigFile, modePublic, file.render); err != nil {
		return nil, err
	}
	return d, nil
}

func validPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

// senderKeys makes P0's keypair and the API key.
func (d *Demo) senderKeys(config, apiKey string) error {
	private, err := ensure(d.P0KeyFile, modePrivate, sender.NewP0Key)
	if err != nil {
		return err
	}
	if d.p0, err = sender.NewSigner(private); err != nil {
		return fmt.Errorf("%s: %w", d.P0KeyFile, err)
	}
	if _, err := ensure(filepath.Join(config, publicName), modePublic, d.p0.PublicPEM); err != nil {
		return err
	}
	key, err := ensure(apiKey, modePrivate, func() ([]byte, error) {
		key, _, err := secret.NewAPIKey()
		return []byte(key + "\n"), err
	})
	d.APIKey = secret.New(strings.TrimSpace(string(key)))
	return err
}

// sealing makes the identity of the workers and its recipient for ingest.
func (d *Demo) sealing(config string) error {
	identity, err := ensure(d.IdentityFile, modePrivate, func() ([]byte, error) {
		file, _, err := secret.GenerateIdentity()
		return file, err
	})
	if err != nil {
		return err
	}
	recipient, err := ensure(filepath.Join(config, recipientsName), modePublic, func() ([]byte, error) {
		r, err := recipientOf(identity)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.IdentityFile, err)
		}
		return []byte(r + "\n"), nil
	})
	d.Recipient = strings.TrimSpace(string(recipient))
	return err
}

// recipientOf reads the recipient out of the comment that stands in every
// identity file.
func recipientOf(identity []byte) (string, error) {
	for line := range strings.Lines(string(identity)) {
		if r, ok := strings.CutPrefix(line, "# public key: "); ok {
			return strings.TrimSpace(r), nil
		}
	}
	return "", errors.New("has no line '# public key: age1…'")
}

// Secrets are the signing secrets by path, for the inbox to check with.
func (d *Demo) Secrets() map[string]secret.String {
	return map[string]secret.String{webhookPath: d.SigningSecret}
}
