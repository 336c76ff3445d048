// The form for the key of the API, for gateways that demand one.
import { type FormEvent, useId, useState } from "react";
import { apiKey, changeKey } from "../browser/api-key";

export function KeyForm() {
  const field = useId();
  const [text, setText] = useState(apiKey.value);
  const save = (event: FormEvent) => {
    event.preventDefault();
    changeKey(text);
  };
  return (
    <form className="key-form" onSubmit={save}>
      <label htmlFor={field}>API key</label>
      <input
        id={field}
        type="password"
        name="api-key"
        autoComplete="off"
        spellCheck={false}
        placeholder="rw_…"
        value={text}
        onChange={({ target }) => setText(target.value)}
      />
      <button type="submit">Use it</button>
      {apiKey.value !== "" && (
        <button type="button" onClick={() => changeKey("")}>
          Forget it
        </button>
      )}
      <span className="soft">It stays in this browser.</span>
    </form>
  );
}
