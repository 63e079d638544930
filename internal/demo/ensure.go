package demo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Modes of files: what anybody may read, and what their owner alone may.
const (
	modePublic  fs.FileMode = 0o644
	modePrivate fs.FileMode = 0o600
)

// folders makes the folders that are not there.
func folders(config string, closed ...string) error {
	for _, dir := range closed {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("making a folder: %w", err)
		}
	}
	if err := os.MkdirAll(config, 0o755); err != nil { //nolint:gosec // it holds no secret, and another user may run ingest
		return fmt.Errorf("making a folder: %w", err)
	}
	return nil
}

// ensure returns what the file at path holds. If there is none, content says
// what it is to hold; a reader sees the whole file or none.
func ensure(path string, mode fs.FileMode, content func() ([]byte, error)) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		if err == nil && len(data) == 0 {
			err = fmt.Errorf("%s: is empty: delete it, and it is made again", path)
		}
		return data, err
	}
	if data, err = content(); err != nil {
		return nil, err
	}
	return data, write(path, mode, data)
}

func write(path string, mode fs.FileMode, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // what matters is why it was not written
			err = fmt.Errorf("writing %s: %w", path, err)
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync() // a name that leads to nothing would never be mended
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}
