// What the site needs beyond TypeDoc's options: guide pages in the order and groups of docs/README.md, addresses that
// last, and a reference of what users call.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommentTag, Context, Converter, DocumentReflection, ReflectionKind, StructureRouter } from 'typedoc';
import { categories, modules, order } from './order.mjs';

const docs = fileURLToPath(new URL('../docs', import.meta.url));

/** The groups of docs/README.md: `## Group`, then `- [Title](page.md): what it says`. */
export function groupsOf(text) {
  return text
    .split(/^## /m)
    .slice(1)
    .map((section) => ({
      name: section.slice(0, section.indexOf('\n')).trim(),
      pages: [...section.matchAll(/^- \[(.*?)\]\((\S+)\.md\): ([\s\S]*?)(?=\n- |\n\n|\n*$(?![\s\S]))/gm)].map(
        ([, title, page, summary]) => ({ title, page, summary: summary.replace(/\s+/g, ' ').trim() }),
      ),
    }));
}

/** Takes the first heading off README.md: the page shows the name above. */
function withoutTitle(parts) {
  if (parts[0]?.kind === 'text') parts[0].text = parts[0].text.replace(/^\s*# .*\n/, '');
}

function move(reflection, parent) {
  reflection.parent.removeChild(reflection);
  reflection.parent = parent;
  parent.addChild(reflection);
}

/** Guide pages stand below their group, which lists them. */
function arrangeDocuments(project) {
  const found = new Map(project.documents.map((document) => [document.name, document]));
  const take = (page) => {
    const document = found.get(page);
    if (!document) throw new Error(`docs/README.md names ${page}.md, which is not there`);
    found.delete(page);
    return document;
  };
  const contents = take('README');
  contents.name = 'Documentation';
  for (const { name, pages } of groupsOf(readFileSync(join(docs, 'README.md'), 'utf8'))) {
    const group = new DocumentReflection(name, project, [{ kind: 'text', text: `# ${name}\n\n` }], {});
    project.registerReflection(group, undefined, undefined);
    project.addChild(group);
    for (const { title, page, summary } of pages) {
      const document = take(page);
      document.slug = page;
      document.name = title;
      move(document, group);
      group.content.push({ kind: 'text', text: '- ' });
      group.content.push({ kind: 'inline-tag', tag: '@link', text: title, target: document });
      group.content.push({ kind: 'text', text: `: ${summary}\n` });
    }
  }
  if (found.size > 0) throw new Error(`docs/README.md does not name ${[...found.keys()].join(', ')}`);
}

/** Members whose names begin with `_`, and protocols of the language, are not for users to call. */
function leaveOut(project) {
  for (const reflection of project.getReflectionsByKind(ReflectionKind.All)) {
    reflection.sources?.splice(1);
    const own = /^(_(?!_)|\[)/.test(reflection.name);
    if (own && reflection.kindOf(ReflectionKind.ClassMember)) project.removeReflection(reflection);
  }
}

/** Inherited members stand where they were declared; how things are printed stands at the base only. */
function leaveOutInherited(project) {
  const names = (of) => new Set(project.getChildByName(of)?.children?.map(({ name }) => name));
  // Between them and a layer there may be classes that are not exported: what is inherited through these is known by name.
  const bases = [names('nn.Module'), names('nabla.Tensor')];
  for (const reflection of project.getReflectionsByKind(ReflectionKind.ClassMember)) {
    const { name, inheritedFrom } = reflection;
    if (reflection.kindOf(ReflectionKind.Constructor)) continue;
    const printing = /^(extraRepr|toString)$/.test(name) && !reflection.signatures?.[0].comment;
    const inherited = inheritedFrom && (inheritedFrom.reflection || bases.some((base) => base.has(name)));
    if (printing || inherited) project.removeReflection(reflection);
  }
}

/** The options and results of `models.create` are those of the model: its table of builders is not for reading. */
function leaveOutBuilders(project) {
  for (const reflection of project.getReflectionsByKind(ReflectionKind.All)) {
    if (/^models\.create(\.create)?\.__type\./.test(reflection.getFullName())) project.removeReflection(reflection);
  }
}

/** Overloads have the comment of the first; what overrides a method has that method's, also where its class is not exported. */
/** Described once for all spaces, and what classes have that extend none of these. */
const SHARED = new Set(['nn.Module.forward', 'nn.Module.resetParameters', 'data.WorkerDataset.workerSource']);
const PROTOCOLS = new Set(['forward', 'workerSource']);

function shareComments(project) {
  const methods = project.getReflectionsByKind(ReflectionKind.Method);
  const spaceOf = (reflection) => reflection.getFullName().split('.')[0];
  const known = new Map();
  for (const { name, signatures, parent } of methods) {
    const comment = signatures?.[0].comment;
    if (!comment) continue;
    for (const space of [spaceOf(parent), ...(SHARED.has(`${parent.getFullName()}.${name}`) ? ['*'] : [])]) {
      if (!known.has(`${space} ${name}`)) known.set(`${space} ${name}`, comment);
    }
  }
  for (const { name, signatures = [], parent, overwrites, implementationOf } of methods) {
    const overrides = overwrites || implementationOf || signatures[0]?.overwrites || PROTOCOLS.has(name);
    const base = known.get(`* ${name}`) ?? known.get(`${spaceOf(parent)} ${name}`);
    const comment = signatures[0]?.comment ?? (overrides ? base : undefined);
    for (const signature of signatures) signature.comment ??= comment?.clone();
  }
}

/** Long modules are listed by what things are for, which the name of their file says. */
function categorize(module) {
  for (const child of module.children ?? []) {
    const file = child.sources?.[0]?.fullFileName.replace(/^.*\/lib\//, '') ?? '';
    const [, category] = categories[module.name].find(([pattern]) => pattern.test(file)) ?? [];
    const comment = child.signatures?.[0].comment ?? child.comment;
    if (category) comment?.blockTags.push(new CommentTag('@category', [{ kind: 'text', text: category }]));
  }
}

class Router extends StructureRouter {
  getIdealBaseName(reflection) {
    if (!reflection.kindOf(ReflectionKind.Document)) return `api/${super.getIdealBaseName(reflection)}`;
    const name = reflection.slug ?? reflection.name.toLowerCase();
    return `guide/${name === 'documentation' ? 'index' : name}`;
  }
}

/** `export const abs: UnaryFunction` is a function to those who call it. */
function constantsAsFunctions() {
  const { getComment } = Context.prototype;
  Context.prototype.getComment = function (symbol, kind) {
    const comment = getComment.call(this, symbol, kind);
    if (kind === ReflectionKind.Variable) comment?.modifierTags.add('@function');
    return comment;
  };
}

/** Guides first, then the modules. */
const place = (reflection) => {
  if (reflection.kindOf(ReflectionKind.Document)) return -1;
  return order.includes(reflection.name) ? order.indexOf(reflection.name) : order.length;
};

export function load(app) {
  constantsAsFunctions();
  app.renderer.defineRouter('nabla', Router);
  app.converter.on(
    Converter.EVENT_RESOLVE_BEGIN,
    ({ project }) => {
      for (const module of project.children) module.name = modules[module.name] ?? module.name;
      for (const module of project.children.filter(({ name }) => name in categories)) categorize(module);
      arrangeDocuments(project);
      leaveOut(project);
    },
    200,
  );
  app.converter.on(
    Converter.EVENT_RESOLVE_END,
    ({ project }) => {
      withoutTitle(project.readme);
      leaveOutInherited(project);
      leaveOutBuilders(project);
      shareComments(project);
      project.childrenIncludingDocuments.sort((a, b) => place(a) - place(b));
    },
    900,
  );
}
