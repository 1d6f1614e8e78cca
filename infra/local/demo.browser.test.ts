/** What a person sees: the demo in Chromium. */
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Ticker } from '../../shared/model/market-event.ts';
import { findChromium, requireChromium } from '../checks/chromium.ts';
import { StartProcess } from './testing/start-process.ts';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

describe('the page, in Chromium', () => {
  let demo: StartProcess;
  let browser: Browser;
  let page: Page;
  let url: string;
  const sockets: string[] = [];
  const faults: string[] = [];

  beforeAll(async () => {
    const executablePath = findChromium();
    if (executablePath === undefined) return;
    browser = await chromium.launch({ executablePath, args: FLAGS });
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.on('websocket', socket => sockets.push(socket.url()));
    page.on('pageerror', error => faults.push(error.message));
    const started = performance.now();
    demo = await StartProcess.run(['--demo'], { EXCHANGES: 'binance,upbit,bithumb,coinone' });
    url = await demo.url();
    await page.goto(url);
    await page.getByTestId('price-upbit-BTC').filter({ hasText: /\d/ }).waitFor();
    console.log(
      `from the command to the first price in the browser: ${((performance.now() - started) / 1000).toFixed(2)} s`,
    );
  });

  afterAll(async () => {
    await browser?.close();
    await demo?.dispose();
  });

  const text = (id: string) => page.getByTestId(id).innerText();

  test('shows live prices of the three exchanges, and they move', async context => {
    requireChromium(context);
    for (const exchange of ['upbit', 'bithumb', 'binance']) {
      const before = await text(`price-${exchange}-BTC`);
      await expect.poll(() => text(`price-${exchange}-BTC`), { timeout: 15_000 }).not.toBe(before);
    }
    expect(await page.getByTestId('row-BTC').getByTestId('name').innerText()).toContain('비트코인');
    expect(await text('connection-path')).toBe('/ws/exchange');
    await expect.poll(() => page.getByTestId('trade').count()).toBeGreaterThan(10);
  });

  test('trades of an exchange without a column are on the tape under its name, and nothing breaks', async context => {
    requireChromium(context);
    await page.locator('#trades [data-exchange="coinone"]').filter({ hasText: '코인원' }).first().waitFor();
    expect(faults).toEqual([]);
  });

  test('the price on the page is the price of the stream, digit for digit', async context => {
    requireChromium(context);
    const ask = async () => {
      const shown = (await text('price-upbit-BTC')).replaceAll(',', '');
      const answer = await fetch(`${url}/api/tickers?exchange=upbit&symbol=BTC/KRW`);
      const { tickers } = (await answer.json()) as { tickers: Ticker[] };
      return shown === tickers[0]?.last ? 'the same' : `${shown} shown, ${tickers[0]?.last} in the stream`;
    };
    await expect.poll(ask, { timeout: 10_000 }).toBe('the same');
  });

  test('filters by exchange and by name without a new connection', async context => {
    requireChromium(context);
    const before = sockets.length;
    await page.getByTestId('show-upbit').uncheck();
    await expect.poll(() => text('premium-BTC')).toBe('–');
    await page.getByTestId('show-upbit').check();
    await expect.poll(() => text('premium-BTC')).toMatch(/%/);
    await page.getByTestId('search').fill('ㅂㅌㅋㅇ');
    await expect.poll(() => page.getByTestId('rows').locator('[data-testid^="row-"]:visible').count()).toBeLessThan(4);
    expect(await page.getByTestId('row-BTC').isVisible()).toBe(true);
    await page.getByTestId('search').fill('zzz');
    await page.getByTestId('empty').waitFor();
    await page.getByTestId('search').fill('');
    await page.getByTestId('row-ETH').waitFor();
    expect(sockets.length).toBe(before);
  });

  test('fits a phone', async context => {
    requireChromium(context);
    await page.setViewportSize({ width: 380, height: 800 });
    const widths = await page.evaluate('[document.documentElement.scrollWidth, window.innerWidth]');
    const [content, window] = widths as [number, number];
    expect(content).toBeLessThanOrEqual(window);
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  test('marks what is old when an exchange falls silent, and recovers', async context => {
    requireChromium(context);
    const [, simulator] = await demo.said(/simulator at (\S+)/);
    await fetch(`${simulator}/control/faults`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ fault: 'refuse', exchange: 'bithumb', ms: 3_000, how: 'http503' }),
    });
    await fetch(`${simulator}/control/faults`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ fault: 'drop', exchange: 'bithumb' }),
    });
    await expect
      .poll(() => page.getByTestId('feed-bithumb').getAttribute('data-state'), { timeout: 10_000 })
      .not.toBe('live');
  });
});
