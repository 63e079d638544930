// The inbox page: new messages as they come, filters, the failure switch.
// Messages arrive as HTML that the server has escaped; nothing here makes HTML
// out of text.
'use strict';
const $ = (id) => document.getElementById(id);
const root = document.documentElement;
const feed = $('feed');
const keep = Number(root.dataset.keep);
let last = Number(root.dataset.last);
const params = new URLSearchParams(location.search);
let path = params.get('path') || '';

// ---- theme: the system's, until somebody chooses
const dark = matchMedia('(prefers-color-scheme: dark)');
try { root.dataset.theme = localStorage.getItem('theme') || ''; } catch { /* no storage: the system's */ }
$('theme').addEventListener('click', () => {
  const now = root.dataset.theme || (dark.matches ? 'dark' : 'light');
  root.dataset.theme = now === 'dark' ? 'light' : 'dark';
  try { localStorage.setItem('theme', root.dataset.theme); } catch { /* until the page is left */ }
});

// ---- times in the reader's zone
const two = (n) => String(n).padStart(2, '0');
const clock = (d) => `${two(d.getHours())}:${two(d.getMinutes())}`;
const dates = {
  date_num: (d) => `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`,
  date: (d) => d.toLocaleDateString('en-US', { month: 'long', day: 'numeric', year: 'numeric' }),
  date_short: (d) => d.toLocaleDateString('en-US', { month: 'short', day: 'numeric', year: 'numeric' }),
  date_long: (d) => d.toLocaleDateString('en-US', { weekday: 'long', month: 'long', day: 'numeric', year: 'numeric' }),
  date_pretty: (d) => nearby(d) || dates.date(d),
  date_short_pretty: (d) => nearby(d) || dates.date_short(d),
  date_long_pretty: (d) => nearby(d) || dates.date_long(d),
  time: clock,
  time_secs: (d) => `${clock(d)}:${two(d.getSeconds())}`,
  ago: (d) => {
    const min = Math.round((d - Date.now()) / 60000);
    const rel = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
    if (Math.abs(min) < 60) return rel.format(min, 'minute');
    return Math.abs(min) < 2880 ? rel.format(Math.round(min / 60), 'hour') : rel.format(Math.round(min / 1440), 'day');
  },
};
function nearby(d) {
  const day = (t) => new Date(t.getFullYear(), t.getMonth(), t.getDate()).getTime();
  const diff = Math.round((day(d) - day(new Date())) / 86400000);
  return { '-1': 'yesterday', 0: 'today', 1: 'tomorrow' }[diff];
}
function localTimes(el) {
  for (const t of el.querySelectorAll('time')) {
    const d = new Date(t.dateTime);
    if (t.className === 'slack-date') {
      t.textContent = t.dataset.format.replace(/\{(\w+)\}/g, (all, name) => (dates[name] ? dates[name](d) : all));
    } else if (t.className === 'short') {
      t.textContent = clock(d);
    } else {
      t.textContent = dates.time_secs(d);
      if (t.classList.contains('full')) t.textContent = `${dates.date_num(d)} ${t.textContent}.${String(d.getMilliseconds()).padStart(3, '0')}`;
      t.title = d.toString();
    }
  }
}

// ---- filters
const texts = new WeakMap(); // article to its text, in lower case
function text(a) {
  if (!texts.has(a)) texts.set(a, a.textContent.toLowerCase());
  return texts.get(a);
}
const matches = (a, words) => (!path || a.dataset.path === path) && words.every((w) => text(a).includes(w));
const terms = () => $('q').value.toLowerCase().split(/\s+/).filter(Boolean);

function refresh() {
  const words = terms();
  const counts = new Map();
  let shown = 0;
  for (const a of feed.children) {
    a.hidden = !matches(a, words);
    if (!a.hidden) shown++;
    counts.set(a.dataset.path, (counts.get(a.dataset.path) || 0) + 1);
  }
  if (path && !counts.has(path)) counts.set(path, 0);
  const total = feed.children.length;
  $('count').textContent = shown === total ? `${total} message${total === 1 ? '' : 's'}` : `${shown} of ${total}`;
  $('empty').hidden = total > 0;
  $('nomatch').hidden = shown > 0 || total === 0;
  chips(counts, total);
  pick();
}

function chips(counts, total) {
  const make = (value, label, n) => {
    const b = document.createElement('button');
    b.type = 'button';
    b.setAttribute('aria-pressed', String(path === value));
    b.append(label, ' ');
    const i = document.createElement('i');
    i.textContent = n;
    b.append(i);
    b.addEventListener('click', () => { path = path === value ? '' : value; remember(); refresh(); });
    return b;
  };
  const names = [...counts.keys()].sort();
  $('chips').replaceChildren(make('', 'all', total), ...names.map((n) => make(n, n, counts.get(n))));
  $('paths').replaceChildren(...names.map((n) => Object.assign(document.createElement('option'), { value: n })));
}

function remember() {
  const p = new URLSearchParams(location.search);
  for (const [k, v] of [['path', path], ['q', $('q').value]]) v ? p.set(k, v) : p.delete(k);
  history.replaceState(null, '', `${location.pathname}${p.size ? `?${p}` : ''}${location.hash}`);
}

// ---- what is read: the message in the address, else on a wide screen the first of the list
const wide = matchMedia('(min-width: 861px)');
let current = null;
function pick() {
  const named = /^#m\d+$/.test(location.hash) && $(location.hash.slice(1));
  const stays = wide.matches && current?.isConnected && !current.hidden && current;
  const a = named || stays || (wide.matches && [...feed.children].find((m) => !m.hidden)) || null;
  if (a === current) return;
  current?.classList.remove('open');
  current?.querySelector('.row').removeAttribute('aria-current');
  current = a;
  if (!a) return;
  a.classList.add('open');
  a.querySelector('.row').setAttribute('aria-current', 'true');
  a.querySelector('.body').scrollTop = 0;
}
function go(hash) {
  // Not by location.hash, which would scroll the list.
  history.pushState(null, '', `${location.pathname}${location.search}${hash}`);
  pick();
}
function step(by) {
  const shown = [...feed.children].filter((m) => !m.hidden);
  const next = shown[shown.indexOf(current) + by];
  if (!next) return;
  go(`#${next.id}`);
  next.querySelector('.row').focus();
}
addEventListener('popstate', pick);
addEventListener('hashchange', pick);
wide.addEventListener('change', pick);
$('main').addEventListener('click', (e) => {
  if (e.ctrlKey || e.metaKey || e.shiftKey) return;
  const row = e.target.closest('.row');
  const back = e.target.closest('.back');
  if (row) { e.preventDefault(); go(row.hash); }
  if (back) { e.preventDefault(); go(''); }
  const tab = e.target.dataset.tab;
  if (tab) {
    const body = e.target.closest('.body');
    for (const b of body.querySelectorAll('[data-tab]')) b.setAttribute('aria-selected', String(b === e.target));
    for (const p of body.querySelectorAll('[data-pane]')) p.hidden = p.dataset.pane !== tab;
  }
  if ('narrow' in e.target.dataset) {
    const frame = e.target.closest('.body').querySelector('iframe.mail');
    e.target.setAttribute('aria-pressed', String(frame.classList.toggle('phone')));
  }
  if ('fold' in e.target.dataset) {
    for (const d of e.target.parentElement.nextElementSibling.querySelectorAll('details')) d.open = e.target.dataset.fold === 'open';
  }
});

// ---- mails: a frame as high as its content, whose links lead nowhere. Nothing in it runs
// or loads, whatever happens here: see to it that it stays so in page.html and page.go.
const widths = new WeakMap();
function fit(frame) {
  const doc = frame.contentDocument;
  if (!doc?.documentElement || !frame.clientWidth) return;
  widths.set(frame, frame.clientWidth);
  frame.style.height = '0';
  frame.style.height = `${Math.min(Math.max(doc.documentElement.scrollHeight, 120), 20000) + 2}px`;
}
const resized = new ResizeObserver((entries) => {
  for (const { target } of entries) if (widths.get(target) !== target.clientWidth) fit(target);
});
document.addEventListener('load', (e) => {
  const frame = e.target;
  if (!frame.matches?.('iframe.mail')) return;
  // Listeners do not run in a frame without scripts, so the links themselves go.
  for (const a of frame.contentDocument?.querySelectorAll('a, area') ?? []) {
    const to = a.getAttribute('href') ?? a.getAttribute('xlink:href');
    if (to) a.setAttribute('title', to);
    a.removeAttribute('href');
    a.removeAttribute('xlink:href');
  }
  frame.classList.add('ready');
  fit(frame);
  resized.observe(frame);
}, true);

// ---- keys, and what stands in the address
$('q').value = params.get('q') || '';
$('q').addEventListener('input', () => { remember(); refresh(); });
addEventListener('keydown', (e) => {
  const typing = /INPUT|SELECT|TEXTAREA/.test(e.target.tagName) || e.ctrlKey || e.metaKey || e.altKey;
  if (e.key === '/' && !typing) { e.preventDefault(); $('q').focus(); }
  if (e.key === 'j' && !typing) step(1);
  if (e.key === 'k' && !typing) step(-1);
  if (e.key === 'Escape') { $('failmenu').open = false; $('q').blur(); }
});

// ---- what the buttons ask of the server
const call = (method, url) => fetch(url, { method });
$('clear').addEventListener('click', () => call('DELETE', '/api/messages'));
$('failform').addEventListener('submit', async (e) => {
  e.preventDefault();
  const f = e.target;
  const res = await call('POST', `/fail?${new URLSearchParams(new FormData(f))}`);
  f.querySelector('output').textContent = res.ok ? '' : await res.text();
  if (res.ok) $('failmenu').open = false;
});
$('failmenu').addEventListener('toggle', () => {
  const field = $('failform').elements.path;
  if ($('failmenu').open && !field.value) field.value = path || current?.dataset.path || '';
  choices();
});
// choices shows the statuses of SMTP on a mail's path and those of HTTP on others.
function choices() {
  const mail = $('failform').elements.path.value.startsWith('/email');
  for (const s of $('failform').querySelectorAll('select')) {
    s.disabled = mail !== (s.dataset.for === 'email');
    (s.name === 'stage' ? s.parentElement : s).hidden = s.disabled;
  }
  const after = $('failform').elements.retry_after;
  after.disabled = after.parentElement.hidden = mail;
}
$('failform').elements.path.addEventListener('input', choices);
$('failures').addEventListener('click', (e) => {
  const p = e.target.dataset.unfail;
  if (p) call('POST', `/fail?${new URLSearchParams({ path: p, times: 0 })}`);
});

// ---- the stream
function state(s) { $('live').dataset.state = s; $('live').querySelector('b').textContent = s; }
function connect() {
  const es = new EventSource(`/events?after=${last}`);
  es.addEventListener('open', () => state('live'));
  es.addEventListener('error', () => {
    state('reconnecting');
    if (es.readyState === EventSource.CLOSED) setTimeout(connect, 1000);
  });
  es.addEventListener('hello', (e) => { if (e.data !== root.dataset.version) location.reload(); });
  es.addEventListener('clear', () => { feed.replaceChildren(); document.querySelector('.older')?.remove(); refresh(); });
  es.addEventListener('failures', (e) => { $('failures').innerHTML = e.data; });
  es.addEventListener('message', (e) => {
    last = Number(e.lastEventId);
    if ($(`m${last}`)) return;
    feed.insertAdjacentHTML('afterbegin', e.data);
    const a = feed.firstElementChild;
    a.classList.add('new');
    localTimes(a);
    while (feed.children.length > keep) feed.lastElementChild.remove();
    schedule();
  });
}
let scheduled = false; // a burst of messages needs one refresh
function schedule() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => { scheduled = false; refresh(); });
}

localTimes(document);
refresh();
connect();
