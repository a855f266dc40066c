/** The part of cornerstone-core 2.6 that the viewport uses (the package has no types of its own). */
declare module 'cornerstone-core' {
  export interface Viewport {
    scale: number;
    translation: { x: number; y: number };
    rotation: number;
    hflip: boolean;
    vflip: boolean;
    pixelReplication: boolean;
    invert: boolean;
    voi: { windowCenter: number; windowWidth: number };
  }

  export interface EnabledElement {
    element: HTMLElement;
    canvas: HTMLCanvasElement;
    viewport: Viewport;
    image?: Image;
  }

  export interface Image {
    imageId: string;
    minPixelValue: number;
    maxPixelValue: number;
    slope: number;
    intercept: number;
    windowCenter: number;
    windowWidth: number;
    rows: number;
    columns: number;
    height: number;
    width: number;
    color: boolean;
    columnPixelSpacing: number | undefined;
    rowPixelSpacing: number | undefined;
    invert: boolean;
    sizeInBytes: number;
    getPixelData(): ArrayLike<number>;
    /** Draws instead of cornerstone's own rendering. */
    render?(enabledElement: EnabledElement, invalidated: boolean): void;
  }

  export function enable(element: HTMLElement): void;
  export function disable(element: HTMLElement): void;
  export function displayImage(element: HTMLElement, image: Image, viewport?: Viewport): void;
  export function getEnabledElement(element: HTMLElement): EnabledElement;
  export function getViewport(element: HTMLElement): Viewport | undefined;
  export function setViewport(element: HTMLElement, viewport: Partial<Viewport>): void;
  export function updateImage(element: HTMLElement, invalidated?: boolean): void;
  export function draw(element: HTMLElement): void;
  export function resize(element: HTMLElement, fit?: boolean): void;
  export function setToPixelCoordinateSystem(element: EnabledElement, context: CanvasRenderingContext2D): void;
  export function pageToPixel(element: HTMLElement, x: number, y: number): { x: number; y: number };
  export function canvasToPixel(element: HTMLElement, point: { x: number; y: number }): { x: number; y: number };
  export function pixelToCanvas(element: HTMLElement, point: { x: number; y: number }): { x: number; y: number };
}
