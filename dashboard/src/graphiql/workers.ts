// Language workers of Monaco, bundled with the page and served from its own origin. GraphiQL's own
// `setup-workers/vite` does the same, but logs every start to the console.
import EditorWorker from "monaco-editor/esm/vs/editor/editor.worker.js?worker";
import JsonWorker from "monaco-editor/esm/vs/language/json/json.worker.js?worker";
import GraphQLWorker from "monaco-graphql/esm/graphql.worker.js?worker";

function startWorker(_moduleId: string, language: string): Worker {
  switch (language) {
    case "graphql":
      return new GraphQLWorker();
    case "json":
      return new JsonWorker();
    default:
      return new EditorWorker();
  }
}

window.MonacoEnvironment = { getWorker: startWorker };
