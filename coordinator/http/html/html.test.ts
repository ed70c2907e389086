import { expect, test } from 'vitest';
import { html } from './html.ts';

test('what is put into a page is escaped, and pieces of a page are not', () => {
  const items = ['<a>', 'b'].map((text) => html`<li title="${text}">${text}</li>`);
  expect(html`<ul>${items}</ul>${undefined}${5}${`"'&`}`.html).toBe(
    '<ul><li title="&lt;a&gt;">&lt;a&gt;</li><li title="b">b</li></ul>5&quot;&#39;&amp;',
  );
});
