package relayctl

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"accessrelay/internal/config"
)

type configCmd struct {
	Check configCheckCmd `cmd:"" help:"Read the file as the programs do, and say what it means."`
}

type configCheckCmd struct {
	File      string `arg:"" optional:"" help:"The file. $ACCESSRELAY_CONFIG, default accessrelay.yaml."`
	For       string `default:"both" enum:"ingest,worker,both" placeholder:"PROGRAM" help:"Whose secrets to look up: ingest, worker or both."`
	PublicURL string `name:"public-url" placeholder:"URL" help:"Where platforms reach the hooks, as in https://relay.example.com, to show whole URLs."`
	Strict    bool   `help:"Exit with 1 if there are warnings."`
}

// Help implements kong.HelpProvider.
func (configCheckCmd) Help() string {
	return `Says of every source where its platform posts to and by what it is known, of every channel which events it
gets, and at the end what is likely to be a mistake.

Each program looks up only the secrets that it needs: ingest those of auth, workers those of channels. On a
machine that has not both, say which one you mean. The exit code is 1 if the program would refuse the file.

Examples:

    relayctl config check accessrelay.yaml
    relayctl config check --for ingest --strict /etc/accessrelay/accessrelay.yaml
    relayctl config check --public-url https://relay.example.com`
}

var needs = map[string]config.Need{
	"ingest": config.NeedAuth, "worker": config.NeedChannels, "both": config.NeedAuth | config.NeedChannels,
}

// Run checks the file and explains it.
func (c *configCheckCmd) Run(t *Terminal) error {
	if err := c.checkPublicURL(); err != nil {
		return err
	}
	if err := config.CheckEnviron(t.Environ); err != nil {
		return badUsage("%w", err)
	}
	c.File = configFile(c.File, t)
	f, err := loadFile(c.File, needs[c.For], t)
	if err != nil {
		if c.For != "both" || !errors.Is(err, config.ErrLack) {
			return err
		}
		for _, one := range []string{"ingest", "worker"} {
			if _, oneErr := loadFile(c.File, needs[one], t); oneErr == nil {
				return fmt.Errorf("%w (for %s alone the file is right: --for %s)", err, one, one)
			}
		}
		return err
	}
	whom := c.For
	if whom == "both" {
		whom = "ingest and worker"
	}
	fmt.Fprintf(t.Out, "%s is right for %s.\n", c.File, whom)
	explain(t.Out, f, strings.TrimRight(c.PublicURL, "/"))
	found := warnings(f, needs[c.For])
	if len(found) == 0 {
		return nil
	}
	places, err := config.ReadPlaces(c.File)
	if err != nil {
		return err
	}
	fmt.Fprintln(t.Out, "\nWarnings:")
	for _, w := range found {
		key, line := places.Find(w.key)
		fmt.Fprintf(t.Out, "  %s:%d: %s: %s\n", c.File, line, key, respelt(w, key))
	}
	if c.Strict {
		return errReported
	}
	return nil
}

func (c *configCheckCmd) checkPublicURL() error {
	if c.PublicURL == "" {
		return nil
	}
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
		return badUsage("--public-url: not a URL such as https://relay.example.com")
	}
	return nil
}

// respelt is the text of w where it names another item of the list that its key
// is in, which the file spells as in spelling.
func respelt(w warning, spelling string) string {
	list := func(key string) string {
		_, inAuth, _ := strings.Cut(key, ".auth.")
		list, _, isItem := strings.Cut(inAuth, "[")
		if !isItem {
			return ""
		}
		return list + "["
	}
	if from, to := list(w.key), list(spelling); from != "" && to != "" {
		return strings.ReplaceAll(w.text, from, to)
	}
	return w.text
}
