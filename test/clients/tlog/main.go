// Reads a transparency log by its tiles with Go's own implementation (golang.org/x/mod/sumdb), which knows nothing of
// Lacre: the note is opened by the log's key, every tile is held against the signed root, and every entry against its tile.
//
//	main PREFIX VERIFIER-KEY [OLD-CHECKPOINT-FILE]
package main

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8

func main() {
	if len(os.Args) < 3 {
		fail(fmt.Errorf("usage: main PREFIX VERIFIER-KEY [OLD-CHECKPOINT-FILE]"))
	}
	prefix, vkey := os.Args[1], os.Args[2]
	verifier, err := note.NewVerifier(vkey)
	check(err)
	origin, tree := openCheckpoint(get(prefix+"/checkpoint"), verifier)
	hashes := tlog.TileHashReader(tree, &tiles{prefix: prefix})

	entries := checkEntries(prefix, tree, hashes)
	for _, index := range []int64{0, tree.N / 2, tree.N - 1} {
		proof, err := tlog.ProveRecord(tree.N, index, hashes)
		check(err)
		check(tlog.CheckRecord(proof, tree.N, tree.Hash, index, entries[index]))
	}
	old := int64(0)
	if len(os.Args) > 3 {
		text, err := os.ReadFile(os.Args[3])
		check(err)
		_, before := openCheckpoint(text, verifier)
		proof, err := tlog.ProveTree(tree.N, before.N, hashes)
		check(err)
		check(tlog.CheckTree(proof, tree.N, tree.Hash, before.N, before.Hash))
		old = before.N
	}
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"origin": origin, "size": tree.N, "entries": len(entries), "extends": old,
	}))
}

// openCheckpoint reads C2SP's three lines; Go's own tlog.ParseTree wants the checksum database's first line.
func openCheckpoint(text []byte, verifier note.Verifier) (string, tlog.Tree) {
	opened, err := note.Open(text, note.VerifierList(verifier))
	check(err)
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		fail(fmt.Errorf("not a checkpoint of %s", verifier.Name()))
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := base64.StdEncoding.DecodeString(lines[2])
	check(err)
	tree := tlog.Tree{N: size}
	if copy(tree.Hash[:], root) != tlog.HashSize {
		fail(fmt.Errorf("the root is no hash"))
	}
	return lines[0], tree
}

// checkEntries reads every bundle and holds each entry against the tree.
func checkEntries(prefix string, tree tlog.Tree, hashes tlog.HashReader) []tlog.Hash {
	var found []tlog.Hash
	for n := int64(0); n*256 < tree.N; n++ {
		tile := tlog.Tile{H: tileHeight, L: 0, N: n, W: 256}
		if rest := tree.N - n*256; rest < 256 {
			tile.W = int(rest)
		}
		path := strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1)
		bundle := get(prefix + "/" + path)
		for len(bundle) > 0 {
			length := int(binary.BigEndian.Uint16(bundle))
			found = append(found, tlog.RecordHash(bundle[2:2+length]))
			bundle = bundle[2+length:]
		}
	}
	if int64(len(found)) != tree.N {
		fail(fmt.Errorf("%d entries in a tree of %d", len(found), tree.N))
	}
	for index, hash := range found {
		kept, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, int64(index))})
		check(err)
		if kept[0] != hash {
			fail(fmt.Errorf("entry %d is not in the tree", index))
		}
	}
	return found
}

type tiles struct {
	prefix string
	kept   map[tlog.Tile][]byte
}

func (t *tiles) Height() int { return tileHeight }

func (t *tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var data [][]byte
	for _, tile := range wanted {
		bytes, ok := t.kept[tile]
		if !ok {
			// C2SP leaves the height out of the path.
			bytes = get(t.prefix + "/" + strings.Replace(tile.Path(), "tile/8/", "tile/", 1))
		}
		data = append(data, bytes)
	}
	return data, nil
}

// SaveTiles is called for tiles that were proven to be in the tree.
func (t *tiles) SaveTiles(tiles []tlog.Tile, data [][]byte) {
	if t.kept == nil {
		t.kept = map[tlog.Tile][]byte{}
	}
	for i, tile := range tiles {
		t.kept[tile] = data[i]
	}
}

func get(url string) []byte {
	answer, err := http.Get(url)
	check(err)
	defer answer.Body.Close()
	if answer.StatusCode != 200 {
		fail(fmt.Errorf("%s answers %d", url, answer.StatusCode))
	}
	body, err := io.ReadAll(answer.Body)
	check(err)
	return body
}

func check(err error) {
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
