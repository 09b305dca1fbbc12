import "./fonts.css";
import "./style.css";
import { feed } from "./feed.ts";
import { listen } from "./keys.ts";
import { Page } from "./page.ts";
import { session, Trouble } from "./server.ts";

const page = new Page();
listen(page);
try {
  page.start(await session(), feed(location.origin));
} catch (trouble) {
  if (!(trouble instanceof Trouble)) throw trouble;
  page.fail(trouble.message);
}
