import java.io.FileInputStream;
import java.util.Map;
import java.util.TreeMap;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.PDFAParser;
import org.verapdf.pdfa.PDFAValidator;
import org.verapdf.pdfa.flavours.PDFAFlavour;
import org.verapdf.pdfa.results.TestAssertion;
import org.verapdf.pdfa.results.ValidationResult;

/** CheckPdf FLAVOUR,... FILE...: validates each file against PDF/A (2a) or PDF/UA (ua1) by veraPDF's library; exit status 1 where it fails. */
public class CheckPdf {
  public static void main(String[] arguments) throws Exception {
    VeraGreenfieldFoundryProvider.initialise();
    boolean valid = true;
    for (int i = 1; i < arguments.length; i++) {
      for (String flavour : arguments[0].split(",")) valid &= check(arguments[i], PDFAFlavour.fromString(flavour));
    }
    System.exit(valid ? 0 : 1);
  }

  private static boolean check(String file, PDFAFlavour flavour) throws Exception {
    try (PDFAParser parser = Foundries.defaultInstance().createParser(new FileInputStream(file), flavour);
        PDFAValidator validator = Foundries.defaultInstance().createValidator(flavour, false)) {
      ValidationResult result = validator.validate(parser);
      System.out.println(flavour + (result.isCompliant() ? " PASS " : " FAIL ") + result.getTotalAssertions());
      Map<String, Integer> failed = new TreeMap<>();
      for (TestAssertion assertion : result.getTestAssertions()) {
        if (assertion.getStatus() != TestAssertion.Status.FAILED) continue;
        String rule = assertion.getRuleId().getClause() + "-" + assertion.getRuleId().getTestNumber();
        if (failed.merge(rule, 1, Integer::sum) == 1)
          System.out.println("  " + rule + " " + assertion.getMessage() + " at " + assertion.getLocation().getContext());
      }
      return result.isCompliant();
    }
  }
}
