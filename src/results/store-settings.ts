/** Which result store a deployment has, every setting of it decided. */
export type StoreSettings =
  | { readonly backend: 'digest' }
  | { readonly backend: 'filesystem'; readonly root: string }
  | {
      readonly backend: 's3';
      readonly bucket: string;
      readonly prefix: string;
      readonly region?: string | undefined;
      readonly endpoint?: string | undefined;
    }
  | {
      readonly backend: 'gcs';
      readonly bucket: string;
      readonly prefix: string;
      readonly endpoint?: string | undefined;
    };
