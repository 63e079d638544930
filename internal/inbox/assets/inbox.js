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
      t.textContent = `${dates.time_secs(d)}.${String(d.getMilliseconds()).padStart(3, '0')}`;
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
$('q').value = params.get('q') || '';
$('q').addEventListener('input', () => { remember(); refresh(); });
addEventListener('keydown', (e) => {
  if (e.key === '/' && !/INPUT|SELECT|TEXTAREA/.test(e.target.tagName)) { e.preventDefault(); $('q').focus(); }
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
  if ($('failmenu').open && !field.value) field.value = path;
});
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
