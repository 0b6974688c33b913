// Pushes a tree of OCI layouts with go-containerregistry, as `bench push`
// measures it: one process, one batch, 16 jobs.
//
// Usage: push-with-ggcr TREE REGISTRY [REPOSITORY]
//
// Each directory below TREE that is a layout is pushed to the repository of
// its path there, each entry of its index under its tag; or one repository.
package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

const tagAnnotation = "org.opencontainers.image.ref.name"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) < 3 || len(os.Args) > 4 {
		return fmt.Errorf("usage: %s TREE REGISTRY [REPOSITORY]", os.Args[0])
	}
	tree, registry := os.Args[1], os.Args[2]
	below := filepath.Join(append([]string{tree}, os.Args[3:]...)...)
	batch := map[name.Reference]remote.Taggable{}
	err := filepath.WalkDir(below, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != "oci-layout" {
			return err
		}
		return collect(filepath.Dir(path), tree, registry, batch)
	})
	if err != nil {
		return err
	}
	if len(batch) == 0 {
		return fmt.Errorf("no layouts in %s", below)
	}
	return remote.MultiWrite(batch, remote.WithJobs(16))
}

// collect adds the images of one layout.
func collect(dir, tree, registry string, batch map[name.Reference]remote.Taggable) error {
	repository, err := filepath.Rel(tree, dir)
	if err != nil {
		return err
	}
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return err
	}
	entries, err := index.IndexManifest()
	if err != nil {
		return err
	}
	for _, entry := range entries.Manifests {
		tag := fmt.Sprintf("%s/%s:%s", registry, repository, entry.Annotations[tagAnnotation])
		reference, err := name.NewTag(tag)
		if err != nil {
			return err
		}
		image, err := index.ImageIndex(entry.Digest)
		if err != nil {
			return err
		}
		batch[reference] = image
	}
	return nil
}
