// A connection that is lost ends the runs it carried and nothing else. Gradio alone would load the
// page anew, and what was typed would be gone: its requests (protocol sse_v3) pass through here.
{
  const ask = window.fetch.bind(window), words = window.connectionWords;
  const running = new Set(); // events that have begun and not completed
  window.lab.silentMs = 35_000; // the server says something every 10 s

  const ended = (id) => {
    const output = { error: words.lost, title: words.title, visible: true, duration: null };
    return `data: ${JSON.stringify({ msg: "process_completed", event_id: id, success: false, output })}\n\n`;
  };

  // a button's request: where it cannot go out, an answer that says so
  async function call(input, init) {
    try {
      const answer = await ask(input, init), { event_id: id } = await answer.clone().json();
      if (id) running.add(id);
      return answer;
    } catch {
      return Response.json({ error: words.away, detail: words.away }, { status: 500 });
    }
  }

  // the stream of all that runs: when it breaks off, goes silent or ends early, an end for each run
  function stream(request) {
    const decoder = new TextDecoder(), encoder = new TextEncoder();
    let rest = "", closed = false;

    function note(chunk) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop();
      for (const line of lines) {
        const begin = line.slice(0, 200);
        if (begin.includes('"msg":"process_completed"')) running.delete(begin.match(/"event_id":"(\w+)"/)?.[1]);
        if (begin.includes('"msg":"close_stream"')) closed = true;
      }
    }

    async function read(reader, controller) {
      for (;;) {
        let timer;
        const silence = new Promise((_, fail) => (timer = setTimeout(fail, window.lab.silentMs)));
        const { value, done } = await Promise.race([reader.read(), silence]).finally(() => clearTimeout(timer));
        if (done) return;
        note(value);
        controller.enqueue(value);
      }
    }

    const body = new ReadableStream({
      async start(controller) {
        let reader;
        try {
          const answer = await ask(request);
          if (!answer.ok) throw answer;
          reader = answer.body.getReader();
          await read(reader, controller);
        } catch {
          reader?.cancel().catch(() => {});
        }
        if (!closed && !request.signal.aborted) {
          const ends = [...running].map(ended).join("");
          running.clear();
          controller.enqueue(encoder.encode(`\n\n${ends}data: {"msg":"close_stream"}\n\n`));
        }
        controller.close();
      },
    });
    return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
  }

  window.fetch = async (input, init) => {
    const { pathname } = new URL(input.url ?? input, location.href);
    if (pathname.endsWith("/gradio_api/queue/data")) return stream(input);
    return /\/gradio_api\/(queue\/join|run\/\w+)$/.test(pathname) ? call(input, init) : ask(input, init);
  };
}
