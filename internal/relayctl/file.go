package relayctl

import (
	"accessrelay/internal/catalog"
	"accessrelay/internal/config"
)

// configFile is the file that is meant: the one that is named, else the
// variable's, else the programs' default.
func configFile(named string, t *Terminal) string {
	if named != "" {
		return named
	}
	if v, ok := t.lookup("ACCESSRELAY_CONFIG"); ok {
		return v
	}
	return "accessrelay.yaml"
}

// loadFile reads accessrelay.yaml as a program with that need does.
func loadFile(path string, need config.Need, t *Terminal) (*config.File, error) {
	known := config.Known{Platforms: catalog.Platforms(), Kinds: catalog.Kinds()}
	return config.Load(path, need, known, t.lookup)
}
