namespace AkkaRegenCache.Demo.Cluster;

/// <summary>What the shop sells.</summary>
/// <param name="Id">Its number, as in its address.</param>
/// <param name="Text">What the catalogue says of it.</param>
public sealed record Product(string Id, string Text);

/// <summary>Where products come from: slow, and asked by the cache alone. Thread-safe.</summary>
public interface IProductSource
{
    /// <summary>Loads a product.</summary>
    /// <param name="id">Its number.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <returns>The product; null: there is none.</returns>
    Task<Product?> LoadAsync(string id, CancellationToken cancellationToken);
}
