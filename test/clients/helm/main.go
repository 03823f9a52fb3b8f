// Renders the templates of a chart as Helm does: Go's text/template with sprig and toYaml, the values of values.yaml under
// .Values and a name under .Release.Name; what is not there is an error. Usage: go run main.go CHART VALUES.json
package main

import (
	"encoding/json"
	"log"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"gopkg.in/yaml.v3"
)

func toYaml(value interface{}) (string, error) {
	text, err := yaml.Marshal(value)
	return strings.TrimSuffix(string(text), "\n"), err
}

func main() {
	paths, err := filepath.Glob(filepath.Join(os.Args[1], "templates", "*.yaml"))
	if err != nil || len(paths) == 0 {
		log.Fatal("no templates: ", err)
	}
	var values map[string]interface{}
	if err := json.Unmarshal([]byte(os.Args[2]), &values); err != nil {
		log.Fatal(err)
	}
	data := map[string]interface{}{
		"Values":  values,
		"Release": map[string]interface{}{"Name": "shop"},
	}
	functions := sprig.TxtFuncMap()
	functions["toYaml"] = toYaml
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			log.Fatal(err)
		}
		parsed, err := template.New(path).Option("missingkey=error").Funcs(functions).Parse(string(text))
		if err != nil {
			log.Fatal(err)
		}
		os.Stdout.WriteString("---\n")
		if err := parsed.Execute(os.Stdout, data); err != nil {
			log.Fatal(err)
		}
	}
}
