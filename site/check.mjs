// node site/check.mjs [--only TEXT] [--screenshots FOLDER]: reads every page of build/site, and opens the guide, the modules
// and a part of the other pages in headless Chromium, as wide as a telephone. It fails for links and anchors that lead
// nowhere, missing pictures, errors in the console, pages without title, heading or text, and pages that scroll sideways.
// First the same on a small site with one mistake of each kind, which must be found.
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const site = fileURLToPath(new URL('../build/site', import.meta.url));
const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
};
const TABS = 2;
/** Of the pages about one class or function, which are alike, every so manieth is opened. */
const STRIDE = 25;
const PHONE = { width: 390, height: 844 };

const programs = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = programs.find((path) => path && existsSync(path));

/** Serves `read(path)`, a buffer or undefined. */
async function serve(read) {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://site').pathname);
    const file = path.endsWith('/') ? `${path}index.html` : path;
    const body = read(file);
    response.writeHead(body === undefined ? 404 : 200, {
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
    });
    response.end(body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { address: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

/** Runs in the page. */
function look() {
  const here = location.href.replace(/#.*/, '');
  const shown = (element) => element.getClientRects().length > 0;
  return {
    title: document.title,
    heading: document.querySelector('h1')?.textContent.trim() ?? '',
    words: (document.querySelector('.col-content, main') ?? document.body).textContent.trim().split(/\s+/).length,
    width: document.documentElement.scrollWidth,
    ids: [...document.querySelectorAll('[id], a[name]')].map((element) => element.id || element.name),
    links: [...document.querySelectorAll('a[href]')]
      .map((a) => a.href)
      .filter((href) => href.startsWith(location.origin)),
    unseen: [...document.images]
      .filter((image) => shown(image) && image.complete && image.naturalWidth === 0)
      .map((i) => i.src),
    here,
  };
}

async function visit(tab, url, complain) {
  const name = decodeURIComponent(new URL(url).pathname);
  const listen = (text) => complain(`${name}: ${text}`);
  const onConsole = (message) =>
    message.type() === 'error' && listen(`console: ${message.text()} ${message.location().url}`);
  const onError = (error) => listen(`uncaught: ${error.message}`);
  tab.on('console', onConsole);
  tab.on('pageerror', onError);
  try {
    await tab.goto(url, { waitUntil: 'load', timeout: 120_000 });
    const seen = await tab.evaluate(look);
    if (!seen.title) listen('no title');
    if (!seen.heading) listen('no heading');
    if (seen.words < 3) listen('no text');
    if (seen.width > PHONE.width) listen(`is ${seen.width} px wide on a screen of ${PHONE.width}`);
    for (const image of seen.unseen) listen(`missing picture ${new URL(image).pathname}`);
    return seen;
  } finally {
    tab.off('console', onConsole);
    tab.off('pageerror', onError);
  }
}

/** What a page without scripts holds; links as they stand in the browser. */
function readPage(path, html) {
  const all = (pattern) => [...html.matchAll(pattern)].map(([, value]) => value.replaceAll('&amp;', '&'));
  const resolved = (values) =>
    values
      .map((value) => new URL(value, `http://site${encodeURI(path)}`))
      .filter(({ protocol, host }) => protocol === 'http:' && host === 'site')
      .map(({ href }) => href);
  return {
    title: all(/<title>([^<]+)/g)[0] ?? '',
    ids: all(/\sid="([^"]+)"/g),
    links: resolved(all(/<a\s[^>]*?href="([^"]+)"/g)),
    pictures: resolved(all(/<img\s[^>]*?src="([^"]+)"/g)),
  };
}

function checkLinks(pages, isFile, complain) {
  const ids = new Map([...pages].map(([path, seen]) => [path, new Set(seen.ids)]));
  for (const [path, { links }] of pages) {
    for (const link of new Set(links)) {
      const { pathname, hash } = new URL(link);
      const target = decodeURIComponent(pathname.endsWith('/') ? `${pathname}index.html` : pathname);
      const anchor = decodeURIComponent(hash.slice(1));
      if (!ids.has(target) && !isFile(target)) complain(`${path}: broken link ${target}`);
      else if (anchor && ids.has(target) && !ids.get(target).has(anchor))
        complain(`${path}: broken anchor ${target}#${anchor}`);
    }
  }
}

/** All complaints about the site with these pages, of which some are opened too. */
async function check(browser, paths, opened, read) {
  const complaints = new Set();
  const complain = (text) => complaints.add(text);
  const pages = new Map(paths.map((path) => [path, readPage(path, String(read(path)))]));
  const isFile = (path) => read(path) !== undefined;
  for (const [path, { title, pictures }] of pages) {
    if (!title) complain(`${path}: no title`);
    for (const picture of pictures) {
      if (!isFile(decodeURIComponent(new URL(picture).pathname))) complain(`${path}: missing picture ${picture}`);
    }
  }
  const { address, close } = await serve(read);
  const left = [...opened];
  const work = async () => {
    const tab = await browser.newPage({ viewport: PHONE });
    for (let path = left.pop(); path !== undefined; path = left.pop()) {
      try {
        const { ids, links } = await visit(tab, address + encodeURI(path), complain);
        pages.get(path).ids.push(...ids);
        pages.get(path).links.push(...links);
      } catch (error) {
        complain(`${path}: ${error.message.split('\n')[0]}`);
      }
    }
    await tab.close();
  };
  await Promise.all(Array.from({ length: TABS }, work));
  checkLinks(pages, isFile, complain);
  close();
  return [...complaints].sort();
}

const page = (body) =>
  `<!doctype html><title>T</title><link rel="icon" href="data:,"><main><h1>H</h1>some words are here ${body}</main>`;
/** One page for each kind of mistake, and what must be found. */
const MISTAKES = [
  ['<a href="nowhere.html">x</a>', /broken link/],
  ['<a href="#nowhere">x</a>', /broken anchor/],
  ['<img src="nowhere.png" style="width: 9px; height: 9px; display: block">', /missing picture/],
  ['<script>console.error("oh")</script>', /console: oh/],
  ['<script>throw new Error("oh")</script>', /uncaught: oh/],
  ['<div style="width: 500px">x</div>', /px wide/],
];

async function selfTest(browser) {
  const files = new Map(MISTAKES.map(([body], i) => [`/${i}.html`, page(body)]));
  files.set('/good.html', page('<a href="0.html">x</a><a href="#top" id="top">x</a>'));
  files.set('/empty.html', '<!doctype html><link rel="icon" href="data:,">');
  const paths = [...files.keys()];
  const found = await check(browser, paths, paths, (path) => files.get(path));
  const wanted = [
    ...MISTAKES.map(([, text], i) => [`/${i}.html`, text]),
    ...['title', 'heading', 'text'].map((word) => ['/empty.html', new RegExp(`no ${word}`)]),
  ];
  for (const [path, text] of wanted) {
    if (!found.some((line) => line.startsWith(path) && text.test(line)))
      throw new Error(`the check does not find ${text} in ${path}`);
  }
  if (found.some((line) => line.startsWith('/good')))
    throw new Error(`the check complains about a good page: ${found.join('; ')}`);
}

async function screenshots(browser, folder) {
  mkdirSync(folder, { recursive: true });
  const { address, close } = await serve(readSite);
  for (const [name, path, options] of [
    ['front', '/index.html', { viewport: { width: 1280, height: 900 } }],
    ['front-dark', '/index.html', { viewport: { width: 1280, height: 900 }, colorScheme: 'dark' }],
    ['front-phone', '/index.html', { viewport: PHONE }],
    ['guide', '/guide/from-pytorch.html', { viewport: { width: 1280, height: 900 } }],
    ['class', '/api/nn/Conv2d.html', { viewport: { width: 1280, height: 900 } }],
    ['module', '/api/nn.html', { viewport: { width: 1280, height: 900 } }],
  ]) {
    const tab = await browser.newPage(options);
    await tab.goto(address + path, { timeout: 120_000 });
    await tab.waitForTimeout(500);
    await tab.screenshot({ path: join(folder, `${name}.png`) });
    await tab.close();
  }
  close();
}

const option = (name) => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : undefined);

const readSite = (path) => {
  const file = join(site, path);
  return file.startsWith(site) && existsSync(file) ? readFileSync(file) : undefined;
};

if (!executablePath) {
  console.log('NOT RUN: the documentation site in a browser: there is no chromium (CHROMIUM names one)');
  process.exit(0);
}
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
try {
  await selfTest(browser);
  const all = readdirSync(site, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.html'))
    .map((file) => `/${file.replaceAll('\\', '/')}`);
  if (!all.includes('/index.html') || all.length < 100)
    throw new Error(`build/site has ${all.length} pages; run npm run docs`);
  const only = option('--only');
  const paths = only === undefined ? all : all.filter((path) => path.includes(only));
  const started = Date.now();
  const single = (path) => /^\/api\/.*\//.test(path);
  const opened = paths.filter((path, i) => !single(path) || i % STRIDE === 0 || only !== undefined);
  const complaints = await check(browser, paths, opened, readSite);
  for (const line of complaints.slice(0, 100)) console.log(line);
  console.log(
    `${paths.length} pages read, ${opened.length} opened in ${Math.round((Date.now() - started) / 1000)} s, ${complaints.length} mistakes`,
  );
  if (option('--screenshots')) await screenshots(browser, option('--screenshots'));
  process.exitCode = complaints.length === 0 ? 0 : 1;
} finally {
  await browser.close();
}
