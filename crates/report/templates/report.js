// Filters of the list, kept in the address so that what someone sees can be sent to someone else.
(() => {
  'use strict';
  const form = document.getElementById('filter');
  const list = document.getElementById('list');
  const shown = document.getElementById('shown');
  const nothing = document.getElementById('nothing');
  const planned = [...list.children];
  const buttons = [...form.querySelectorAll('[name=status]')];
  const weight = ['skipped', 'passed', 'warned', 'errored', 'failed'];
  const orders = {
    worst: (a, b) => weight.indexOf(b.dataset.s) - weight.indexOf(a.dataset.s),
    slowest: (a, b) => b.dataset.t - a.dataset.t,
  };
  const texts = new Map();
  const textOf = (check) => {
    if (!texts.has(check)) texts.set(check, check.textContent.toLowerCase());
    return texts.get(check);
  };
  let order = '';

  // What the form says, as it stands in the address.
  const chosen = () => {
    const wanted = new URLSearchParams();
    const pressed = buttons.filter((button) => button.ariaPressed === 'true');
    if (pressed.length) wanted.set('status', pressed.map((button) => button.value).join(','));
    for (const name of ['plugin', 'q', 'sort']) {
      const value = form.elements[name].value.trim();
      if (value) wanted.set(name, value);
    }
    return wanted;
  };

  const show = (wanted) => {
    const statuses = wanted.get('status')?.split(',') ?? weight;
    const plugin = wanted.get('plugin');
    const words = (wanted.get('q') ?? '').toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const check of planned) {
      const fits = statuses.includes(check.dataset.s)
        && (!plugin || check.id.split('.')[0] === plugin)
        && words.every((word) => textOf(check).includes(word));
      check.hidden = !fits;
      if (fits) count += 1;
    }
    const sort = wanted.get('sort') ?? '';
    if (sort !== order) {
      order = sort;
      list.append(...(orders[sort] ? planned.toSorted(orders[sort]) : planned));
    }
    const all = planned.length;
    const checks = all === 1 ? 'check' : 'checks';
    shown.textContent = count === all ? `${all} ${checks}` : `${count} of ${all} ${checks}`;
    nothing.hidden = count > 0 || all === 0;
  };

  // A place is a check to open; anything with an equals sign is a filter.
  const follow = () => {
    const place = location.hash.slice(1);
    if (place.includes('=')) {
      const wanted = new URLSearchParams(place);
      const statuses = (wanted.get('status') ?? '').split(',');
      for (const button of buttons) button.ariaPressed = String(statuses.includes(button.value));
      for (const name of ['plugin', 'q', 'sort']) form.elements[name].value = wanted.get(name) ?? '';
      show(chosen());
      document.getElementById('checks').scrollIntoView();
      return;
    }
    let id = place;
    try { id = decodeURIComponent(place); } catch { /* a place that nobody made stays as it is */ }
    const check = planned.find((candidate) => candidate.id === id);
    if (!check) return;
    if (check.hidden) clear();
    check.open = true;
    check.scrollIntoView();
  };

  const change = () => {
    const wanted = chosen();
    history.replaceState(null, '', `#${wanted.size ? wanted : 'checks'}`);
    show(wanted);
  };

  const clear = () => {
    for (const button of buttons) button.ariaPressed = 'false';
    for (const name of ['plugin', 'q', 'sort']) form.elements[name].value = '';
    show(chosen());
  };

  form.addEventListener('submit', (event) => event.preventDefault());
  form.addEventListener('input', change);
  form.addEventListener('reset', (event) => {
    event.preventDefault();
    clear();
    change();
  });
  for (const button of buttons) {
    button.addEventListener('click', () => {
      button.ariaPressed = String(button.ariaPressed !== 'true');
      change();
    });
  }
  form.elements.open.addEventListener('click', () => {
    for (const check of planned) if (!check.hidden) check.open = true;
  });
  form.elements.close.addEventListener('click', () => {
    for (const check of planned) check.open = false;
  });
  nothing.querySelector('button').addEventListener('click', () => {
    clear();
    change();
  });
  for (const link of document.querySelectorAll('a[data-f]')) link.hash = link.dataset.f;
  // A link to the place where the page already is changes nothing, and still asks for it.
  document.addEventListener('click', (event) => {
    const link = event.target.closest?.('a[href^="#"]');
    if (link && link.hash === location.hash) follow();
  });
  addEventListener('hashchange', follow);

  // Paper cannot be opened.
  let closed = [];
  addEventListener('beforeprint', () => {
    closed = [...document.querySelectorAll('details:not([open], [hidden])')];
    for (const details of closed) details.open = true;
  });
  addEventListener('afterprint', () => {
    for (const details of closed) details.open = false;
  });

  form.hidden = false;
  follow();
})();
