// The frames of one candidate: shown one by one, or played at a quarter of their speed until stopped.

const SLOWER = 4;

class Clip {
  constructor(canvas, slider, shown) {
    this.canvas = canvas;
    this.slider = slider;
    this.shown = shown; // called with the place of the frame that is shown
    this.item = null;
    this.timer = 0;
    slider.addEventListener("input", () => this.goTo(Number(slider.value)));
  }

  get frame() { return this.item.frames[this.place]; }
  get playing() { return this.timer !== 0; }

  async open(item, place) {
    this.stop();
    this.item = item;
    this.slider.max = item.frames.length - 1;
    this.images = JSON.parse(byId(`frames-${item.id}`).textContent).map((jpeg) => {
      const image = new Image();
      image.src = `data:image/jpeg;base64,${jpeg}`;
      return image;
    });
    this.goTo(place);
  }

  goTo(place) {
    this.place = Math.min(Math.max(place, 0), this.item.frames.length - 1);
    this.slider.value = this.place;
    this.slider.setAttribute("aria-valuetext", frameText(this.frame));
    this.draw();
    this.shown();
  }

  async draw() {
    const image = this.images[this.place];
    await image.decode().catch(() => {});
    if (this.images[this.place] !== image) return; // another frame is wanted by now
    this.canvas.width = image.naturalWidth;
    this.canvas.height = image.naturalHeight;
    this.canvas.getContext("2d").drawImage(image, 0, 0);
    this.canvas.dataset.frame = this.frame.frame;
  }

  nearest(moment) {
    const away = this.item.frames.map(({ frame }) => Math.abs(frame - moment.frame));
    return away.indexOf(Math.min(...away));
  }

  play() {
    if (this.playing) { this.stop(); return; }
    const { frames } = this.item;
    const step_ms = (SLOWER * 1000 * (frames.at(-1).time_s - frames[0].time_s)) / Math.max(frames.length - 1, 1);
    this.timer = setInterval(() => this.goTo((this.place + 1) % frames.length), step_ms);
    this.shown();
  }

  stop() {
    clearInterval(this.timer);
    this.timer = 0;
  }
}

function frameText({ frame, time_s }) { return `frame ${frame}, ${time_s.toFixed(3)} s`; }
